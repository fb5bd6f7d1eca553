import { messageOf } from '@anime/problem-details';
import { PictureError, type ClassicalScorer, type PictureScores } from '@anime/quality-metrics';

/** The process's one ONNX session, and whether it works: a picture that cannot be read says nothing against it, any other error does. */
export class ModelSession {
  #fault: string | null = null;

  constructor(private readonly scorer: ClassicalScorer) {}

  /** @throws {PictureError} when the bytes are at fault; anything else is the machine's or the session's fault */
  async scorePicture(bytes: Uint8Array): Promise<PictureScores> {
    try {
      const scores = await this.scorer.scorePicture(bytes);
      this.#fault = null;
      return scores;
    } catch (error) {
      if (!(error instanceof PictureError)) this.#fault = messageOf(error);
      throw error;
    }
  }

  /** For readiness: not ok from a fault until a picture is measured again. */
  readonly check = (): { readonly ok: boolean; readonly reason: string | null } => ({
    ok: this.#fault === null,
    reason: this.#fault === null ? null : `the last run failed: ${this.#fault}`,
  });

  /** Waits for the runs under way and frees the session. */
  close(): Promise<void> {
    return this.scorer.close();
  }
}
