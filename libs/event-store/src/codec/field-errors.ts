import type { FieldError } from '@anime/problem-details';
import type { z } from 'zod';

/** zod's issues with JSON pointers as paths. */
export function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues.map((issue) => ({
    path: issue.path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    message: issue.message,
  }));
}

/** The first issues in one line, for the reason of a void message. */
export function issueSummary(error: z.ZodError): string {
  return fieldErrors(error)
    .slice(0, 3)
    .map(({ path, message }) => `${path === '' ? '/' : path}: ${message}`)
    .join('; ');
}
