import type { ProjectSummary } from '@anime/contracts/http';
import { shortened, table } from './table.js';

/** Projects as one line each. */
export function projectsTable(projects: readonly Readonly<ProjectSummary>[]): string {
  return table(
    ['SLUG', 'CREATED', 'ARCHIVED', 'TITLE'],
    projects.map(({ slug, createdAt, archivedAt, title }) => [
      slug,
      createdAt,
      archivedAt ?? 'no',
      shortened(title, 50),
    ]),
  );
}

/** A project as a page of text; of jobs it names the statuses that some have. */
export function describeProject(
  project: Readonly<ProjectSummary> & { readonly jobs: Readonly<Record<string, number>> },
): string {
  const jobs = Object.entries(project.jobs).filter(([, count]) => count > 0);
  const settings = Object.entries(project.settings);
  const section = (title: string, facts: readonly (readonly [string, unknown])[]): string[] =>
    facts.length === 0 ? [] : [title, ...facts.map(([name, value]) => `  ${name.padEnd(16)}${String(value)}`)];
  const lines = [
    `Project ${project.slug}`,
    `  ${'title'.padEnd(16)}${project.title}`,
    `  ${'id'.padEnd(16)}${project.id}`,
    `  ${'created'.padEnd(16)}${project.createdAt}`,
    `  ${'changed'.padEnd(16)}${project.changedAt}`,
    `  ${'archived'.padEnd(16)}${project.archivedAt ?? 'no'}`,
    ...section('Settings', settings),
    ...section('Jobs', jobs),
  ];
  return `${lines.join('\n')}\n`;
}
