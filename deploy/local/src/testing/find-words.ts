import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { inflateSync } from 'node:zlib';

const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** The forms in which a word may stand in a file: plain, in UTF-16, escaped in JSON or an address, in base64 or hex. */
export function formsOf(word: string): readonly Buffer[] {
  const plain = Buffer.from(word);
  const utf16 = Buffer.from(word, 'utf16le');
  const ascii = [jsonEscaped(word), encodeURIComponent(word), plain.toString('hex')].map((text) => Buffer.from(text));
  return [plain, Buffer.from(word, 'latin1'), utf16, Buffer.from(utf16).swap16(), ...ascii, ...base64Forms(plain)];
}

/** The characters of base64 that a word alone decides, for each of the three places where it may begin in a group. */
function base64Forms(bytes: Buffer): readonly Buffer[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const whole = Math.floor(((offset + bytes.byteLength) * 8) / 6);
    return Buffer.from(text.slice(Math.ceil((offset * 8) / 6), whole));
  });
}

function jsonEscaped(word: string): string {
  return word.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * The files below a folder whose bytes or name hold any of these, as paths relative to it; what a PNG holds as text,
 * compressed or not, is searched too.
 * @returns how many files and bytes were searched, and the files that hold one
 */
export async function filesWith(
  folder: string,
  needles: readonly Buffer[],
): Promise<{ readonly files: number; readonly bytes: number; readonly found: readonly string[] }> {
  const found: string[] = [];
  let [files, bytes] = [0, 0];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(folder, file);
    const content = entry.isFile() ? await readFile(file) : Buffer.alloc(0);
    const parts = [Buffer.from(name), content, ...textsOfPng(content)];
    if (needles.some((needle) => parts.some((part) => part.includes(needle)))) found.push(name);
    files += entry.isFile() ? 1 : 0;
    bytes += content.byteLength;
  }
  return { files, bytes, found };
}

/** The text chunks of a PNG that are compressed (PNG specification, 11.3.3: zTXt, and iTXt with its flag set), as text. */
function textsOfPng(content: Buffer): readonly Buffer[] {
  if (!content.subarray(0, PNG_SIGNATURE.byteLength).equals(PNG_SIGNATURE)) return [];
  const texts: Buffer[] = [];
  for (let at = PNG_SIGNATURE.byteLength; at + 8 <= content.byteLength;) {
    const end = at + 8 + content.readUInt32BE(at);
    const kind = content.toString('latin1', at + 4, at + 8);
    const data = content.subarray(at + 8, end);
    const afterKeyword = data.indexOf(0) + 1;
    if (kind === 'zTXt') texts.push(inflateSync(data.subarray(afterKeyword + 1)));
    if (kind === 'iTXt' && data[afterKeyword] === 1) {
      const language = data.indexOf(0, afterKeyword + 2) + 1;
      texts.push(inflateSync(data.subarray(data.indexOf(0, language) + 1)));
    }
    at = end + 4; // the CRC
  }
  return texts;
}
