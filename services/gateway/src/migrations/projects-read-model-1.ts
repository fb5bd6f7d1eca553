import { Migration } from '@mikro-orm/migrations';

/** The tables of the `projects` read-model. */
export class ProjectsReadModel1 extends Migration {
  override up(): void {
    this.addSql(`create table "projects" (
      "id" uuid not null, "slug" text not null, "title" text not null, "settings" jsonb not null,
      "created_at" text not null, "changed_at" text not null, "archived_at" text null,
      "position" bigint not null, primary key ("id")
    )`);
    this.addSql(`create index "projects_created_idx" on "projects" ("created_at", "id")`);
    this.addSql(`create table "projects_versions" (
      "id" uuid not null, "from_position" bigint not null, "slug" text not null, "title" text not null,
      "settings" jsonb not null, "created_at" text not null, "changed_at" text not null, "archived_at" text null,
      "to_position" bigint null, primary key ("id", "from_position")
    )`);
  }

  override down(): void {
    for (const table of ['projects', 'projects_versions']) this.addSql(`drop table "${table}"`);
  }
}
