import { Migration } from '@mikro-orm/migrations';

/**
 * What attempts and executors tell since they name environments, memory, cached nodes, models and pixels. The rows are filled
 * by a rebuild, which the new version of the projection demands: every new column of a table that has rows may be null.
 */
export class JobsReadModel2 extends Migration {
  override up(): void {
    this.addSql(`alter table "jobs" add column "retry" jsonb null`);
    this.addSql(`alter table "jobs_versions" add column "retry" jsonb null`);
    this.addSql(`alter table "job_attempts"
      add column "free_memory" boolean null, add column "declined_at" text null, add column "decline_reason" text null,
      add column "decline_message" text null, add column "decline_evidence" jsonb null,
      add column "environment" text null, add column "cached_nodes" jsonb null, add column "models" jsonb null,
      add column "vram_peak_bytes" double precision null`);
    this.addSql(`alter table "job_outputs" add column "pixel_sha256" text null`);
    this.addSql(`alter table "executors"
      add column "environment" text null, add column "environment_since" text null, add column "paused_at" text null,
      add column "paused_by" text null, add column "pause_reason" jsonb null, add column "drained_at" text null,
      add column "drain_reason" text null, add column "drain_message" text null`);
    this.addSql(`create table "executor_timeline" (
      "executor_id" uuid not null, "event_id" uuid not null, "position" bigint not null, "type" text not null,
      "time" text not null, primary key ("executor_id", "event_id")
    )`);
    this.addSql(`create table "environments" (
      "environment" text not null, "comfyui_version" text not null, "python_version" text null,
      "pytorch_version" text null, "cuda_version" text null, "os" text null, "arguments" jsonb not null,
      "devices" jsonb not null, "node_definitions" jsonb not null, "packs" jsonb not null,
      "first_seen_at" text not null, "first_executor_id" uuid not null, primary key ("environment")
    )`);
    this.addSql(`alter table "workflows" add column "low_memory" jsonb null`);
  }
}
