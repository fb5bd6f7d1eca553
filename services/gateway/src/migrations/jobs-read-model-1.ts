import { Migration } from '@mikro-orm/migrations';

/**
 * Search in prompts is by substring. `pg_trgm` makes that an index scan where the server has it and lets us install it;
 * elsewhere the search still works, by reading every prompt.
 */
const PROMPT_INDEX = `do $$
  declare home text;
  begin
    create extension if not exists pg_trgm schema public;
    select quote_ident(n.nspname) into home from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
    execute format('create index "job_requests_prompt_idx" on "job_requests" using gin ("prompt" %s.gin_trgm_ops)', home);
  exception when others then
    raise notice 'no index for searching prompts: %', sqlerrm;
  end $$`;

const TABLES = [
  'dead_letters',
  'executors',
  'job_attempts',
  'job_files',
  'job_outputs',
  'job_requests',
  'job_scores',
  'job_timeline',
  'jobs',
  'jobs_versions',
  'terms',
  'voids',
  'workflows',
];

/** The tables of the `jobs` read-model. Names without schema: the migrator sets the service's own. */
export class JobsReadModel1 extends Migration {
  override up(): void {
    this.addSql(`create table "dead_letters" (
      "id" uuid not null, "consumer" text not null, "event_id" uuid not null, "event_name" text not null,
      "aggregate_id" uuid not null, "error_code" text not null, "error_message" text not null,
      "deliveries" bigint not null, "parked_by" text not null, "parked_at" text not null, primary key ("id")
    )`);
    this.addSql(`create table "executors" (
      "id" uuid not null, "name" text not null, "comfyui_version" text not null, "simulator" boolean not null,
      "devices" jsonb not null, "registered_at" text not null, "lost_at" text null, primary key ("id")
    )`);
    this.addSql(`create table "job_attempts" (
      "job_id" uuid not null, "attempt" bigint not null, "executor_id" uuid null, "prompt_id" uuid null,
      "variant" text null, "vram_gb" double precision null, "assigned_at" text null, "cancel_ordered_at" text null,
      "lost_at" text null, "started_at" text null, "claim" uuid null, "executed_at" text null, "execution_ms" double precision null,
      "cached" boolean null, "graph_hash" text null, "failed_at" text null, "failure_class" text null,
      "failure_reason" text null, "failure_message" text null, "evidence" jsonb null, "scorer_builds" jsonb not null,
      "organised_at" text null, "organise_failed_at" text null, "organise_failure_code" text null,
      "organise_failure_message" text null, "gated_at" text null, "verdict" text null, "gate_rule" text null,
      "gate_scorer_build" text null, "gate_reason" text null, primary key ("job_id", "attempt")
    )`);
    this.addSql(`create table "job_files" (
      "job_id" uuid not null, "attempt" bigint not null, "path" text not null, "role" text not null,
      "sha256" text not null, "size" bigint not null, "media_type" text not null, "width" bigint null,
      "height" bigint null, "frames" bigint null, "node" text not null, "output_index" bigint not null,
      primary key ("job_id", "attempt", "path")
    )`);
    this.addSql(`create table "job_outputs" (
      "job_id" uuid not null, "attempt" bigint not null, "node" text not null, "output_index" bigint not null,
      "kind" text not null, "role" text not null, "blob" text not null, "size" bigint not null,
      "media_type" text not null, "filename" text not null,
      primary key ("job_id", "attempt", "node", "output_index")
    )`);
    this.addSql(`create table "job_requests" (
      "job_id" uuid not null, "prompt" text null, "parameters" jsonb not null, "seed_source" text not null,
      primary key ("job_id")
    )`);
    this.addSql(`create table "job_scores" (
      "job_id" uuid not null, "attempt" bigint not null, "node" text not null, "output_index" bigint not null,
      "metric" text not null, "scorer_build" text not null, "metric_version" text not null, "blob" text not null,
      "status" text not null, "value" double precision null, "unit" text null, "method" text null,
      "evidence" jsonb null, "model_sha256" text null, "reason" text null, "enabled_by" text null,
      "scored_at" text not null, primary key ("job_id", "attempt", "node", "output_index", "metric", "scorer_build")
    )`);
    this.addSql(`create table "job_timeline" (
      "job_id" uuid not null, "event_id" uuid not null, "position" bigint not null, "type" text not null,
      "producer" text not null, "time" text not null, "actor" text not null, "correlation_id" uuid not null,
      "causation_id" uuid null, "epoch" bigint null, "data" jsonb not null, primary key ("job_id", "event_id")
    )`);
    this.addSql(`create table "jobs" (
      "id" uuid not null, "type" text not null, "status" text not null, "template_id" text not null,
      "template_version" bigint not null, "seed" bigint not null, "project" uuid null, "actor" text not null,
      "requested_at" text not null, "accepted_at" text null, "accepted_position" bigint null, "started_at" text null,
      "ended_at" text null, "attempt" bigint not null, "max_attempts" bigint null, "executor_id" uuid null,
      "not_before" text null, "failure_class" text null, "failure_message" text null, "verdict" text null,
      "cancel_requested" boolean not null, "position" bigint not null, primary key ("id")
    )`);
    this.addSql(`create index "jobs_requested_idx" on "jobs" ("requested_at", "id")`);
    this.addSql(`create index "jobs_status_idx" on "jobs" ("status", "requested_at", "id")`);
    this.addSql(`create index "jobs_project_idx" on "jobs" ("project", "requested_at", "id")`);
    this.addSql(`create table "jobs_versions" (
      "id" uuid not null, "from_position" bigint not null, "type" text not null, "status" text not null,
      "template_id" text not null, "template_version" bigint not null, "seed" bigint not null, "project" uuid null,
      "actor" text not null, "requested_at" text not null, "accepted_at" text null, "accepted_position" bigint null,
      "started_at" text null, "ended_at" text null, "attempt" bigint not null, "max_attempts" bigint null,
      "executor_id" uuid null, "not_before" text null, "failure_class" text null, "failure_message" text null,
      "verdict" text null, "cancel_requested" boolean not null, "to_position" bigint null,
      primary key ("id", "from_position")
    )`);
    this.addSql(`create table "terms" (
      "scheduler_id" uuid not null, "epoch" bigint not null, "leader" uuid not null, "started_at" text not null,
      primary key ("scheduler_id", "epoch")
    )`);
    this.addSql(`create table "voids" (
      "position" bigint not null, "kind" text not null, "subject" text not null, "reason" text not null,
      primary key ("position")
    )`);
    this.addSql(`create table "workflows" (
      "id" uuid not null, "version" bigint not null, "slug" text not null, "kind" text not null,
      "title" text not null, "manifest" jsonb not null, "graph" jsonb not null, "graph_hash" text not null,
      "built_in" boolean not null, "registered_at" text not null, primary key ("id", "version")
    )`);
    this.addSql(PROMPT_INDEX);
  }

  override down(): void {
    for (const table of TABLES) this.addSql(`drop table "${table}"`);
  }
}
