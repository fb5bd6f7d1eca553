import type { ProblemError } from '@anime/problem-details';
import { openSealed, type Opened, type SubjectKeys } from '@anime/sealed-fields';

/** The one place where personal text is opened: the gateway's door, in the answer to somebody who may read it. */
export class AnswerOpener {
  readonly #keys: Pick<SubjectKeys, 'open'>;
  readonly #onFault: (fault: ProblemError) => void;

  /** @param onFault told of texts and keys that are damaged, and of keys that cannot be reached */
  constructor(keys: Pick<SubjectKeys, 'open'>, onFault: (fault: ProblemError) => void) {
    this.#keys = keys;
    this.#onFault = onFault;
  }

  /** The answer with every sealed value in it, wherever it stands, as a `SealedText`. */
  open<T>(answer: T): Promise<Opened<T>> {
    return openSealed(this.#keys, answer, this.#onFault);
  }
}
