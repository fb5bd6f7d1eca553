import type { OutputKind } from '@anime/contracts';

/** What is filed together for jobs without a project. */
export type MediaFolder = 'images' | 'videos' | 'audio' | 'texts';

const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
  'image/heic': 'heic',
  'image/x-exr': 'exr',
  'image/tiff': 'tif',
  'image/vnd.adobe.photoshop': 'psd',
  'image/vnd.radiance': 'hdr',
  'image/bmp': 'bmp',
  'image/svg+xml': 'svg',
  'video/mp4': 'mp4',
  'video/webm': 'webm',
  'audio/wav': 'wav',
  'audio/flac': 'flac',
  'audio/ogg': 'ogg',
  'audio/mpeg': 'mp3',
  'text/plain': 'txt',
};

/** File name extension of a media type, without dot; `bin` for what is not known, never what the server called the file. */
export function extensionOf(mediaType: string): string {
  return Object.hasOwn(EXTENSIONS, mediaType) ? (EXTENSIONS[mediaType] ?? 'bin') : 'bin';
}

/** Where an output belongs; an animation is a video whatever its format. */
export function mediaFolderOf(output: { readonly kind: OutputKind; readonly mediaType: string }): MediaFolder {
  if (output.kind === 'text') return 'texts';
  if (output.kind === 'audio' || output.mediaType.startsWith('audio/')) return 'audio';
  return output.kind !== 'image' || output.mediaType.startsWith('video/') ? 'videos' : 'images';
}
