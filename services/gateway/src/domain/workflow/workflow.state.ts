import type { TemplateManifest } from '@anime/contracts';

/** What makes two registrations of one version the same. */
export interface RegisteredVersion {
  readonly manifest: TemplateManifest;
  readonly graphHash: string;
}

/** The versions of one template, by number. */
export interface WorkflowState {
  readonly versions: Readonly<Record<number, RegisteredVersion>>;
}

export const NO_WORKFLOW: WorkflowState = { versions: {} };
