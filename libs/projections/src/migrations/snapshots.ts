import { Migration } from '@mikro-orm/migrations';

/** The table of aggregates' snapshots, for the migration list of every service that folds aggregates. */
export class AggregateSnapshots extends Migration {
  override up(): void {
    this.addSql(`create table "aggregate_snapshots" (
      "aggregate" text not null,
      "id" text not null,
      "position" bigint not null,
      "event_id" text not null,
      "fold_version" bigint not null,
      "state" text not null,
      primary key ("aggregate", "id")
    )`);
  }

  override down(): void {
    this.addSql('drop table "aggregate_snapshots"');
  }
}
