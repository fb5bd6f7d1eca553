import path from 'node:path';
import { Command } from 'commander';
import { runDemo } from './demo.js';
import { keepUp } from './keep-up.js';

const DATA_DIR = path.resolve('.anime');

const program = new Command('local-stack')
  .description('The whole system on one machine, without Docker')
  .showHelpAfterError();
const dataDirOption = ['--data-dir <folder>', 'where events, database, files and logs lie', DATA_DIR] as const;

program
  .command('demo')
  .description('starts the stack, makes a picture and a short animation, shows what came of it, stops everything')
  .option(...dataDirOption)
  .option('--prompt <text>', 'what the picture shows', 'a girl with blue hair on a cliff above the sea, sunset')
  .action(async ({ dataDir, prompt }: { dataDir: string; prompt: string }) => runDemo(path.resolve(dataDir), prompt));
program
  .command('start')
  .description('starts the stack and keeps it up until Ctrl-C')
  .option(...dataDirOption)
  .option('--free-ports', 'let the system choose the ports, in place of 8329 and 8331 to 8335', false)
  .action(async (options: { dataDir: string; freePorts: boolean }) =>
    keepUp(path.resolve(options.dataDir), options.freePorts),
  );

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
