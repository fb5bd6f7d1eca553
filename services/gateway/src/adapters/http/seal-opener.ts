import type { ProblemError } from '@anime/problem-details';
import { openSealed, type Opened, type SubjectKeys } from '@anime/sealed-fields';

/** Opens personal text in answers: the gateway's door is the only place where it is in the clear (law 11). */
export class SealOpener {
  /** @param onFault told of damage and of keys that cannot be reached */
  constructor(
    private readonly keys: Pick<SubjectKeys, 'open'>,
    private readonly onFault: (fault: ProblemError) => void,
  ) {}

  open<T>(answer: T): Promise<Opened<T>> {
    return openSealed(this.keys, answer, this.onFault);
  }
}
