import { BENCHES } from './bench/index.ts';

// The SDK is pinned; what later versions will need is no news here.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

// `npm run bench -- NAME`: measures one thing and prints it beside a reference that is measured in the same run.
const [name, ...args] = process.argv.slice(2);
const bench = name === undefined ? undefined : BENCHES[name];
if (bench === undefined) {
  const list = Object.entries(BENCHES).map(([known, { what }]) => `  ${known.padEnd(10)} ${what}\n`);
  process.stderr.write(
    `${name === undefined ? 'Say which' : `There is no bench "${name}"`}: npm run bench -- NAME\n${list.join('')}`,
  );
  process.exit(2);
}
try {
  process.exitCode = await bench.run(args);
} catch (err) {
  process.stderr.write(`${err instanceof Error ? err.message : String(err)}\n`);
  process.exitCode = 2;
}
process.exit();
