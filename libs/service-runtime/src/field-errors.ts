import type { FieldError } from '@anime/problem-details';
import type { z } from 'zod';

/** Where a validated value came from; it begins the path of each error. */
export type RequestPart = 'body' | 'query' | 'param' | 'header';

type Issue = z.core.$ZodIssue;

/** Somebody may send a key of a megabyte; nobody wants to have it back. */
const LONGEST_PATH = 200;

/** JSON pointer (RFC 6901) for the body, `<part>/<name>` for the rest; of a long one only the beginning. */
export function fieldPath(part: RequestPart, path: readonly PropertyKey[]): string {
  // Each token makes one character at least.
  const tokens = path.slice(0, LONGEST_PATH + 1).map((token) => {
    return String(token).replaceAll('~', '~0').replaceAll('/', '~1');
  });
  const whole =
    part === 'body'
      ? tokens.map((token) => `/${token}`).join('')
      : [part === 'param' ? 'path' : part, ...tokens].join('/');
  if (whole.length <= LONGEST_PATH) return whole;
  // No half of a surrogate pair.
  return `${whole.slice(0, LONGEST_PATH).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The branch of a union that the value was meant for: of the right kind as a whole, and with the fewest complaints. */
function closest(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const ofItsKind = branches.filter((branch) =>
    branch.every((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys'),
  );
  return ofItsKind.toSorted((a, b) => a.length - b.length)[0];
}

/** What is wrong by zod: the first complaint about each field, unknown fields by their own names. */
export function fieldErrors(issues: readonly Issue[], part: RequestPart): FieldError[] {
  const byPath = new Map<string, FieldError>();
  for (const error of allErrors(issues, part, [])) if (!byPath.has(error.path)) byPath.set(error.path, error);
  return [...byPath.values()];
}

function allErrors(issues: readonly Issue[], part: RequestPart, base: readonly PropertyKey[]): FieldError[] {
  return issues.flatMap((issue): FieldError[] => {
    const path = [...base, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: fieldPath(part, [...path, key]), message: 'unknown field' }));
    }
    if (issue.code === 'invalid_union') {
      const branch = closest(issue.errors);
      if (branch !== undefined && branch.length > 0) return allErrors(branch, part, path);
    }
    if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
      return issue.issues.map((inner) => ({ path: fieldPath(part, path), message: inner.message }));
    }
    return [{ path: fieldPath(part, path), message: issue.message }];
  });
}
