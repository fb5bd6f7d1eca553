import { z } from 'zod';
import { JobStatus } from '../values/job-status.js';
import { Instant, Slug, Uuid } from '../values/primitives.js';
import { PROJECT_TITLE_LIMIT, ProjectSettings, slugFault } from '../values/project.js';
import { Name, NegativePrompt, PlainText, Position } from './fields.js';

const { imageTemplate, videoTemplate, waitingLimit, runningLimit, maxAttempts, maxRunSeconds } = ProjectSettings.shape;

/** Body of `PUT /api/anime/projects/{id}/settings`: all settings; what is left out is no longer set. */
export const ProjectSettingsBody = z
  .strictObject({
    checkpoint: Name.optional().meta({ description: 'file name of the model of jobs that name none' }),
    imageTemplate: imageTemplate.meta({ description: 'template of pictures whose request names none' }),
    videoTemplate: videoTemplate.meta({ description: 'template of clips whose request names none' }),
    negativePrompt: NegativePrompt.optional().meta({
      description: 'of jobs whose request has none, where the template takes one',
    }),
    waitingLimit: waitingLimit.meta({ description: 'so many jobs of the project may wait, then 429' }),
    runningLimit: runningLimit.meta({ description: 'so many jobs of the project may be with executors at a time' }),
    maxAttempts: maxAttempts.meta({
      description:
        'so many attempts of a job may fail until it does, unless its request says otherwise; those that were handed back, or lost with their executor, do not count',
    }),
    maxRunSeconds: maxRunSeconds.meta({
      description: 'seconds that one attempt may take on its server, where the request does not say',
    }),
  })
  .meta({ id: 'ProjectSettings' });

/** Body of `POST /api/anime/projects`. */
export const CreateProjectRequest = z
  .strictObject({
    slug: Slug.superRefine((slug, context) => {
      const fault = slugFault(slug);
      if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
    }).meta({ description: 'name in URLs and in the library, for ever: small letters, digits and hyphens' }),
    title: PlainText.min(1, { abort: true })
      .max(PROJECT_TITLE_LIMIT)
      .regex(/\S/, 'must not be blank')
      .meta({ description: 'what people call it' }),
    settings: ProjectSettingsBody.optional(),
  })
  .meta({ id: 'CreateProjectRequest' });
export type CreateProjectRequest = z.infer<typeof CreateProjectRequest>;

const Revision = Position.meta({ description: "position of the project's last change; its `ETag` in quotes" });
const ProjectLinks = z.strictObject({ self: z.string(), jobs: z.string() });

/** The command's event is in the log and cannot be lost any more. */
export const ProjectAcknowledged = z
  .strictObject({
    projectId: Uuid,
    slug: Slug,
    position: Position.meta({ description: 'place of the event in the log; `?after=` takes it' }),
    links: ProjectLinks,
  })
  .meta({ id: 'ProjectAcknowledged' });
export type ProjectAcknowledged = z.infer<typeof ProjectAcknowledged>;

/** A project in a list. */
export const ProjectSummary = z
  .strictObject({
    id: Uuid,
    slug: Slug,
    title: z.string(),
    settings: ProjectSettingsBody,
    createdAt: Instant,
    changedAt: Instant.meta({ description: 'time of its last change' }),
    archivedAt: Instant.nullable().meta({ description: 'from then on it takes no new jobs' }),
    revision: Revision,
  })
  .meta({ id: 'ProjectSummary' });
export type ProjectSummary = z.infer<typeof ProjectSummary>;

/** Everything about one project. */
export const Project = ProjectSummary.extend({
  jobs: z.record(JobStatus, z.int().min(0)).meta({ description: 'its jobs by status' }),
  links: ProjectLinks,
}).meta({ id: 'Project' });
export type Project = z.infer<typeof Project>;

/** A page of projects, newest first. */
export const ProjectPage = z
  .strictObject({
    projects: z.array(ProjectSummary),
    nextCursor: z.string().nullable().meta({ description: 'for the next page; null on the last' }),
    position: Position.meta({ description: 'how far the read-model had come' }),
  })
  .meta({ id: 'ProjectPage' });
export type ProjectPage = z.infer<typeof ProjectPage>;
