import { Migration } from '@mikro-orm/migrations';

/**
 * The tables of the `dead-letters` read-model. The two that the `jobs` read-model kept of the kind go: all that they held is read
 * from the log anew, by a projection of its own that begins at the log's beginning.
 */
export class DeadLetters1 extends Migration {
  override up(): void {
    this.addSql(`drop table "dead_letters"`);
    this.addSql(`drop table "voids"`);
    this.addSql(`create table "dead_letters" (
      "id" uuid not null, "position" bigint not null, "state" text not null, "consumer" text not null,
      "event_id" uuid not null, "event_name" text not null, "aggregate_id" uuid not null, "error_code" text not null,
      "error_message" text not null, "deliveries" bigint not null, "parkings" bigint not null,
      "parked_at" text not null, "last_parked_at" text not null, "replays" bigint not null, "replay_id" uuid null,
      "replayed_at" text null, "replayed_by" text null, "settled_at" text null, "outcome" text null,
      "discarded_at" text null, "discarded_by" text null, "seen" jsonb not null, primary key ("id")
    )`);
    this.addSql(`create index "dead_letters_position_idx" on "dead_letters" ("position")`);
    this.addSql(`create index "dead_letters_state_idx" on "dead_letters" ("state", "position")`);
    this.addSql(`create index "dead_letters_aggregate_idx" on "dead_letters" ("aggregate_id", "position")`);
    this.addSql(`create table "voids" (
      "position" bigint not null, "kind" text not null, "subject" text not null, "reason" text not null,
      "size" bigint null, primary key ("position")
    )`);
    this.addSql(`create index "voids_kind_idx" on "voids" ("kind", "position")`);
  }
}
