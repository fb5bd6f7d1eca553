import { Sealed } from '@anime/contracts';
import type { SealedText } from '@anime/contracts/http';
import { isProblem, type ProblemError } from '@anime/problem-details';
import type { SubjectKeys } from './subject-keys.js';

/** An answer in which every sealed value has become what its reader gets. */
export type Opened<T> = T extends Sealed
  ? SealedText
  : T extends readonly unknown[] | object
    ? { [Key in keyof T]: Opened<T[Key]> }
    : T;

/**
 * Opens every sealed value in an answer, wherever it stands; the rest stays as it is. A text that cannot be opened says
 * why in its own place, so that one lost key does not hide the answer around it.
 * @param answer plain JSON
 * @param onFault told of damage and of keys that cannot be reached; a key that is gone is no fault
 */
export async function openSealed<T>(
  keys: Pick<SubjectKeys, 'open'>,
  answer: T,
  onFault: (fault: ProblemError) => void,
): Promise<Opened<T>> {
  // `Opened` says of the types what this does to the values.
  return (await openValue(answer)) as Opened<T>;

  async function openValue(value: unknown): Promise<unknown> {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return Promise.all(value.map(openValue));
    if ('sealed' in value) {
      const sealed = Sealed.safeParse(value);
      if (sealed.success) return openText(sealed.data);
    }
    const fields = Object.entries(value).map(async ([name, field]) => [name, await openValue(field)] as const);
    return Object.fromEntries(await Promise.all(fields));
  }

  async function openText(sealed: Sealed): Promise<SealedText> {
    const { subject } = sealed;
    try {
      const text = await keys.open(sealed);
      return text === undefined
        ? { subject, text: null, unavailable: 'key-gone' }
        : { subject, text, unavailable: null };
    } catch (error) {
      if (!isProblem(error)) throw error;
      onFault(error);
      return { subject, text: null, unavailable: isProblem(error, 'storage-failed') ? 'key-unreachable' : 'damaged' };
    }
  }
}
