/**
 * Why a picture cannot be scored:
 * - `undecodable-image`: the bytes are empty, cut short, damaged or no picture at all;
 * - `unsupported-image-format`: a format other than PNG, JPEG or WebP;
 * - `image-too-large`: beyond {@link MAX_SIDE} or {@link MAX_PIXELS} of the decoder.
 */
export type PictureErrorCode = 'undecodable-image' | 'unsupported-image-format' | 'image-too-large';

/**
 * The bytes are at fault, not the moment: the same bytes fail again, so `retryable` is always false.
 * `status` is the HTTP status that stands for it (422).
 */
export class PictureError extends Error {
  override readonly name = 'PictureError';
  readonly code: PictureErrorCode;
  readonly status = 422;
  readonly retryable = false;

  constructor(code: PictureErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
