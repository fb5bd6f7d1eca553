import { z } from 'zod';

/** What a caller of the API may do: every route asks for one of these. `admin` includes all others. */
export const SCOPES = ['jobs:read', 'jobs:write', 'story:write', 'review', 'admin'] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;
