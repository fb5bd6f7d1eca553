import process from 'node:process';

if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(`This needs Node 24, here is ${process.version}: start it as npm run anime -- <command>.`);
  process.exit(1);
}
const { run } = await import('./run.js');

// Not process.exit: what was written to a pipe must get out first.
process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
});
