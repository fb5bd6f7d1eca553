import { readFile, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { type Faults, takeTear } from '../faults.js';
import { empty, type Reply } from '../http/reply.js';
import type { Request, Routes } from '../http/router.js';
import type { Directories } from '../nodes/node-kind.js';
import { folderOf, isInside } from './file-path.js';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.txt': 'text/plain',
  '.json': 'application/json',
};
/** Browsers would run these, so they come as downloads. */
const ACTIVE = ['.html', '.htm', '.svg', '.js', '.css', '.xhtml', '.xml'];

export function viewRoutes(directories: Directories, faults: Faults): Routes {
  return {
    'GET /view': async (request) => {
      const reply = await view(request, directories);
      if (reply.status !== 200 || request.query.get('type') === 'input') return reply;
      if (takeTear(faults, (how) => how === 'cut-download') === undefined) return reply;
      return { ...reply, cutAfter: Math.max(1, Math.floor(Buffer.byteLength(reply.body ?? '') / 2)) };
    },
  };
}

async function view(request: Request, directories: Directories): Promise<Reply> {
  const { query } = request;
  const asked = query.get('filename');
  if (asked === null) return empty(404);
  const { filename, type } = annotated(asked, query.get('type') ?? 'output');
  if (filename === '' || filename.startsWith('/') || filename.includes('..')) return empty(400);
  const root = folderOf(directories, type);
  if (root === undefined) return empty(400);
  const folder = resolve(root, query.get('subfolder') ?? '');
  if (!isInside(root, folder)) return empty(403);
  // Folders within the file name are cut off, once they have passed the check.
  const path = join(folder, basename(filename));
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined || !stats.isFile()) return empty(404);
  const preview = query.get('preview');
  const channel = query.get('channel');
  if (preview !== null) return sendPreview(path, preview, channel === 'a');
  if (channel === 'rgb' || channel === 'a') return sendChannel(path, channel);
  const bytes = await readFile(path);
  return sendFile(request, path, bytes, `"${stats.mtimeNs.toString(16)}-${stats.size.toString(16)}"`, stats.mtime);
}

/** `name.png [input]` names its folder itself. */
function annotated(filename: string, type: string): { filename: string; type: string } {
  const match = /^(.*) \[(output|input|temp)\]$/.exec(filename);
  return match === null ? { filename, type } : { filename: match[1] ?? '', type: match[2] ?? type };
}

/** `webp;90`, `jpeg;50`: format and quality; everything but jpeg becomes webp. A file that is no picture throws. */
async function sendPreview(path: string, preview: string, needsAlpha: boolean): Promise<Reply> {
  const [format, wanted] = preview.split(';');
  const quality = /^\d+$/.test(wanted ?? '') ? Math.min(100, Math.max(1, Number(wanted))) : 90;
  const isJpeg = format === 'jpeg' && !needsAlpha;
  const picture = sharp(path, { limitInputPixels: false });
  const body = await (isJpeg ? picture.jpeg({ quality }) : picture.webp({ quality })).toBuffer();
  const headers = { 'content-type': isJpeg ? 'image/jpeg' : 'image/webp', ...disposition(path) };
  return { status: 200, headers, body };
}

/** The colours without transparency, or the transparency alone as that of black. */
async function sendChannel(path: string, channel: 'rgb' | 'a'): Promise<Reply> {
  const picture = sharp(path, { limitInputPixels: false });
  const body =
    channel === 'rgb'
      ? await picture.removeAlpha().png().toBuffer()
      : await picture.ensureAlpha().linear([0, 0, 0, 1], [0, 0, 0, 0]).png().toBuffer();
  return { status: 200, headers: { 'content-type': 'image/png', ...disposition(path) }, body };
}

function sendFile(request: Request, path: string, bytes: Buffer, etag: string, modified: Date): Reply {
  const headers = {
    'x-content-type-options': 'nosniff',
    etag,
    'last-modified': modified.toUTCString(),
    ...kindOf(request, path),
  };
  const { 'if-none-match': known, 'if-modified-since': since, range } = request.headers;
  const isFresh = known === undefined ? isNotModified(since, modified) : known === etag;
  if (isFresh) return { status: 304, headers };
  const accepted = { ...headers, 'accept-ranges': 'bytes' };
  const slice = range === undefined ? undefined : parseRange(range, bytes.length);
  if (slice === undefined) return { status: 200, headers: accepted, body: bytes };
  const [start, end] = slice;
  if (start >= bytes.length) return { status: 416, headers: { 'content-range': `bytes */${bytes.length}` } };
  const contentRange = { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` };
  return { status: 206, headers: { ...accepted, ...contentRange }, body: bytes.subarray(start, end) };
}

/** Type and name. What a browser would run comes as a download, except an SVG that it only shows. */
function kindOf(request: Request, path: string): Record<string, string> {
  const extension = extname(path).toLowerCase();
  const type = CONTENT_TYPES[extension] ?? 'application/octet-stream';
  if (!ACTIVE.includes(extension)) return { 'content-type': type, ...disposition(path) };
  const guarded = { vary: 'Sec-Fetch-Dest', 'cache-control': 'no-store' };
  if (extension === '.svg' && request.headers['sec-fetch-dest'] === 'image') {
    return { 'content-type': 'image/svg+xml', ...guarded, ...disposition(path) };
  }
  const attachment = `attachment; filename="${encodeName(path)}"`;
  return { 'content-type': 'application/octet-stream', ...guarded, 'content-disposition': attachment };
}

function isNotModified(since: string | undefined, modified: Date): boolean {
  return since !== undefined && Math.floor(modified.getTime() / 1000) * 1000 <= Date.parse(since);
}

/** One range of bytes as [start, end); undefined when the header is none that is understood. */
function parseRange(range: string, length: number): readonly [start: number, end: number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range);
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') return [Math.max(0, length - Number(last)), length];
  return [Number(first), last === '' ? length : Math.min(length, Number(last) + 1)];
}

const disposition = (path: string): Record<string, string> => ({
  'content-disposition': `filename="${encodeName(path)}"`,
});

/** The name as it is, in UTF-8 bytes, which Node writes when it is handed them as Latin-1 characters. */
function encodeName(path: string): string {
  return Buffer.from(basename(path), 'utf8')
    .toString('latin1')
    .replace(/["\u0000-\u001f\u007f]/g, encodeURIComponent);
}
