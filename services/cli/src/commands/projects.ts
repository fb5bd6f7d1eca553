import { unwrap, type GatewayClient } from '@anime/gateway-client';
import { InvalidArgumentError, type Command } from 'commander';
import { describeProject, projectsTable } from '../output/project-text.js';
import { json } from '../output/table.js';
import type { Surroundings } from '../surroundings.js';
import { useGateway, wholeNumber, withGateway, type GatewayOptions } from './gateway-options.js';
import { pageOf, sayMore, withPage, type PageOptions } from './paging.js';

interface Settings {
  readonly checkpoint?: string;
  readonly imageTemplate?: string;
  readonly videoTemplate?: string;
  readonly negativePrompt?: string;
  readonly waitingLimit?: number;
  readonly runningLimit?: number;
  readonly maxAttempts?: number;
  readonly maxRunSeconds?: number;
}
const SETTINGS = [
  'checkpoint',
  'imageTemplate',
  'videoTemplate',
  'negativePrompt',
  'waitingLimit',
  'runningLimit',
  'maxAttempts',
  'maxRunSeconds',
] as const;
type SettingName = (typeof SETTINGS)[number];

interface ListOptions extends PageOptions {
  readonly archived?: boolean;
  readonly all?: boolean;
}

/** `anime projects …` */
export function addProjects(root: Command, surroundings: Surroundings): void {
  const projects = root.command('projects').description('what jobs and files belong to');
  const print = (data: unknown, text: string, { json: asJson }: GatewayOptions): void =>
    surroundings.out(asJson === true ? json(data) : text);

  withSettings(withGateway(projects.command('create <slug>')))
    .description('make a project; its slug names its folder in the library and never changes')
    .requiredOption('--title <words>', 'what people call it')
    .action(async (slug: string, options: GatewayOptions & Settings & { readonly title: string }) => {
      const body = { slug, title: options.title, settings: settingsIn(options) };
      const answer = await useGateway(surroundings, options, (client) =>
        unwrap(client.POST('/api/anime/projects', { body })),
      );
      print(answer, `The project ${slug} is there. Ask for jobs in it with "project": "${slug}".\n`, options);
    });

  withPage(withGateway(projects.command('list')))
    .description('list projects that take jobs, newest first')
    .option('--archived', 'those that are archived')
    .option('--all', 'both')
    .action(async (options: ListOptions) => {
      const query = {
        ...(options.all === true
          ? {}
          : { archived: options.archived === true ? ('true' as const) : ('false' as const) }),
        ...pageOf(options),
      };
      const page = await useGateway(surroundings, options, (client) =>
        unwrap(client.GET('/api/anime/projects', { params: { query } })),
      );
      print(page, page.projects.length === 0 ? 'There are no such projects.\n' : projectsTable(page.projects), options);
      if (options.json !== true) sayMore(surroundings, page.nextCursor);
    });

  withGateway(projects.command('show <project>'))
    .description('everything about one project, by slug or id')
    .action(async (id: string, options: GatewayOptions) => {
      const project = await useGateway(surroundings, options, (client) => read(client, id));
      print(project, describeProject(project), options);
    });

  withSettings(withGateway(projects.command('set <project>')))
    .description('change settings; those that are not named stay')
    .option('--unset <names>', `take these away, with commas: ${SETTINGS.join(', ')}`, settingNames)
    .action(async (id: string, options: GatewayOptions & Settings & { readonly unset?: readonly SettingName[] }) => {
      const answer = await useGateway(surroundings, options, async (client) => {
        const { settings, revision } = await read(client, id);
        const body: { -readonly [Name in keyof Settings]: Settings[Name] } = { ...settings, ...settingsIn(options) };
        for (const name of options.unset ?? []) delete body[name];
        // Whoever changes them in the same moment is not undone: then this one is refused.
        const params = { path: { id }, header: { 'if-match': `"${revision}"` } };
        return unwrap(client.PUT('/api/anime/projects/{id}/settings', { params, body }));
      });
      print(answer, `The settings of ${answer.slug} hold for jobs from now on.\n`, options);
    });

  withGateway(projects.command('archive <project>'))
    .description('close a project for new jobs, for ever; its jobs go on and its files stay')
    .action(async (id: string, options: GatewayOptions) => {
      const answer = await useGateway(surroundings, options, (client) =>
        unwrap(client.POST('/api/anime/projects/{id}/archive', { params: { path: { id } } })),
      );
      print(answer, `The project ${answer.slug} is archived.\n`, options);
    });
}

function read(client: GatewayClient, id: string) {
  return unwrap(client.GET('/api/anime/projects/{id}', { params: { path: { id } } }));
}

function withSettings(command: Command): Command {
  return command
    .option('--checkpoint <file>', 'model of jobs that name none')
    .option('--image-template <name>', 'template of pictures whose request names none')
    .option('--video-template <name>', 'template of clips whose request names none')
    .option('--negative-prompt <words>', 'of jobs whose request has none')
    .option('--waiting-limit <number>', 'so many of its jobs may wait', wholeNumber(1, 1_000_000))
    .option(
      '--running-limit <number>',
      'so many of its jobs may be with executors at a time',
      wholeNumber(1, 1_000_000),
    )
    .option('--max-attempts <number>', 'attempts of jobs whose request does not say', wholeNumber(1, 20))
    .option(
      '--max-run-seconds <number>',
      'so long one attempt may take, where the request does not say',
      wholeNumber(1, 604_800),
    );
}

function settingsIn(options: Settings): Settings {
  return Object.fromEntries(SETTINGS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}

function settingNames(text: string): SettingName[] {
  return text.split(',').map((word) => {
    const name = SETTINGS.find((known) => known === word.trim());
    if (name === undefined) throw new InvalidArgumentError(`${word} is none of ${SETTINGS.join(', ')}.`);
    return name;
  });
}
