import { describe, expect, it } from '@jest/globals';
import type { Preview } from '@anime/contracts';
import { LARGEST_PREVIEW, PreviewPublisher } from './preview-publisher.js';

const never = new AbortController().signal;
const OF = { promptId: 'prompt', nodeId: '3', displayNodeId: '3', mediaType: 'image/jpeg' } as const;
const picture = (size = 3) => ({ ...OF, bytes: new Uint8Array(size).fill(1) });

function publisher(signal = never) {
  const published: Preview[] = [];
  const publish = (preview: Preview): void => void published.push(preview);
  return { published, previews: new PreviewPublisher({ jobId: 'job', attempt: 2, publish, signal }) };
}

describe('the pictures of a running attempt', () => {
  it('are sent with what they are of, but none that is empty or too large for a message', async () => {
    const { published, previews } = publisher();
    await previews.onPreview(picture(0));
    await previews.onPreview(picture(LARGEST_PREVIEW + 1));
    expect(published).toEqual([]);
    const sent = Promise.resolve(previews.onPreview(picture())).catch(() => undefined);
    expect(published).toMatchObject([{ jobId: 'job', attempt: 2, mediaType: 'image/jpeg', image: 'AQEB' }]);
    previews[Symbol.dispose]();
    await sent;
  });

  it('are never sent after the end: the one that waits is let go at once, and no other is taken', async () => {
    const { published, previews } = publisher();
    const waiting = Promise.resolve(previews.onPreview(picture()));
    previews[Symbol.dispose]();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await previews.onPreview(picture());
    expect(published).toHaveLength(1);
  });

  it('are not sent when viewers are to see nothing more of the attempt', async () => {
    const { published, previews } = publisher(AbortSignal.abort());
    await previews.onPreview(picture());
    expect(published).toEqual([]);
  });
});
