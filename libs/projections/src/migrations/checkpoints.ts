import { Migration } from '@mikro-orm/migrations';

/** The table of projections' checkpoints, for the migration list of every service that has a read-model. */
export class ProjectionCheckpoints extends Migration {
  override up(): void {
    this.addSql(`create table "projection_checkpoints" (
      "projection" text not null primary key,
      "version" bigint not null,
      "position" bigint not null,
      "event_id" text not null
    )`);
  }

  override down(): void {
    this.addSql('drop table "projection_checkpoints"');
  }
}
