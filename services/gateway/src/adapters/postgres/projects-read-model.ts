import { DEFAULT_PAGE_SIZE, type ProjectSummary } from '@anime/contracts/http';
import type { Database, WaitOptions } from '@anime/projections';
import { projectsProjection } from '../../projections/projects/projects.projection.js';
import { PROJECTS, type ProjectRow } from '../../projections/projects/tables.js';
import { decodeCursor, encodeCursor, TimeCursor } from './cursor.js';

/** Which projects a list shows. */
export interface ProjectFilter {
  /** Only archived ones, or only those that are not. */
  readonly archived?: boolean | undefined;
  /** Default 50. */
  readonly limit?: number | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

export interface ProjectList {
  /** Newest first. */
  readonly items: ProjectSummary[];
  readonly nextCursor: string | null;
}

type StoredProject = ProjectRow & { readonly position: number };

/** Plain SQL over the tables of the `projects` read-model. Every method throws 'read-model-unavailable' while PostgreSQL is away. */
export class ProjectsReadModel {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** One project. */
  async get(id: string): Promise<ProjectSummary | undefined> {
    const [found] = await this.#rows('p.id = $1', [id]);
    return found;
  }

  /**
   * A page of projects, newest first.
   * @throws ProblemError 'bad-cursor'
   */
  async list({ archived, limit = DEFAULT_PAGE_SIZE, cursor }: ProjectFilter = {}): Promise<ProjectList> {
    const where = ['true'];
    const parameters: unknown[] = [];
    if (archived !== undefined) where.push(`p.archived_at is ${archived ? 'not null' : 'null'}`);
    if (cursor !== undefined) {
      const { at, id } = decodeCursor(TimeCursor, cursor);
      parameters.push(at, id);
      where.push('(p.created_at, p.id) < ($1, $2::uuid)');
    }
    const order = `order by p.created_at desc, p.id desc limit ${limit + 1}`;
    const found = await this.#rows(`${where.join(' and ')} ${order}`, parameters);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const more = found.length > limit && last !== undefined;
    return { items, nextCursor: more ? encodeCursor(TimeCursor, { at: last.createdAt, id: last.id }) : null };
  }

  /** How far the read-model has read; 0 = nothing yet. */
  position(): Promise<number> {
    return this.#database.positionOf(projectsProjection.name);
  }

  /**
   * Waits until the read-model has read up to `position`.
   * @throws ProblemError 'position-not-reached' after `timeoutMs`
   */
  waitFor(position: number, options: WaitOptions): Promise<void> {
    return this.#database.waitForPosition(projectsProjection.name, position, options);
  }

  async #rows(whereAndOrder: string, parameters: readonly unknown[]): Promise<ProjectSummary[]> {
    const rows = await this.#database.query<{ readonly row: StoredProject }>(
      `select to_json(p) as row from ${this.#database.table(PROJECTS.name)} p where ${whereAndOrder}`,
      parameters,
    );
    return rows.map(({ row }) => projectSummary(row));
  }
}

function projectSummary(row: StoredProject): ProjectSummary {
  return {
    id: row.id,
    slug: row.slug,
    title: row.title,
    settings: row.settings,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    archivedAt: row.archived_at,
    revision: row.position,
  };
}
