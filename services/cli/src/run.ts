import { Command, CommanderError } from 'commander';
import { addConsumers } from './commands/consumers.js';
import { addDeadLetters, addVoids } from './commands/dead-letters.js';
import { addExecutors } from './commands/executors.js';
import { addJobs } from './commands/jobs.js';
import { addKeys } from './commands/keys.js';
import { addNatsUsers } from './commands/nats-users.js';
import { addProjects } from './commands/projects.js';
import { addProvision } from './commands/provision.js';
import { EXIT, EXIT_HELP } from './exit-codes.js';
import { explain } from './output/explain.js';
import type { Surroundings } from './surroundings.js';

/**
 * Runs one command line.
 * @param args without the names of node and the program
 * @returns the exit code (see `EXIT`)
 */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    await program(surroundings).parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    // Commander has already written the help or what is wrong with the command line.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    surroundings.err(`${explain(error)}\n`);
    return EXIT.failed;
  }
}

function program(surroundings: Surroundings): Command {
  const root = new Command('anime')
    .description(
      'The command line of an anime studio: prepares NATS, repairs consumers, keeps projects, looks at jobs, executors and dead letters, issues keys.',
    )
    .usage('<command> [options]      (from the repository: npm run anime -- <command> [options])')
    // Set before the commands are added: they take both over.
    .configureOutput({ writeOut: surroundings.out, writeErr: surroundings.err })
    .exitOverride()
    .showHelpAfterError('(--help lists what there is)')
    .addHelpText('after', EXIT_HELP);
  addProvision(root, surroundings);
  addConsumers(root, surroundings);
  addNatsUsers(root, surroundings);
  addJobs(root, surroundings);
  addExecutors(root, surroundings);
  addProjects(root, surroundings);
  addDeadLetters(root, surroundings);
  addVoids(root, surroundings);
  addKeys(root, surroundings);
  return root;
}
