#!/usr/bin/env -S node --
// The two dashes end node's own options: without them Node 20 takes our --env-file for its own, wherever it stands.
import { bundled } from './bundle.mjs';

const program = await bundled();
if (program === undefined) {
  // Nothing may be written beside the sources, so they are read as they are: slower to start, and 60 MB heavier.
  const { register } = await import('tsx/esm/api');
  register();
  await import('../src/cli/main.ts');
} else {
  // So that stacks name the sources.
  if (process.env['LIFEBOAT_DEBUG'] === '1') process.setSourceMapsEnabled(true);
  await import(program);
}
