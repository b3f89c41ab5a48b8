#!/usr/bin/env -S node --
// The two dashes end node's own options: without them Node 20 takes our --env-file for its own, wherever it stands.
import { register } from 'tsx/esm/api';

register();
await import('../src/cli/main.ts');
