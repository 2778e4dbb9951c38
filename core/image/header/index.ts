/** Looks at an image's first bytes: what it really is and how big, before anything is decoded. */
import type { ImageType } from '../key.ts'
import { readJpegHeader } from './jpeg.ts'
import { readPngHeader } from './png.ts'
import { type ImageHeader, littleEndian16, MalformedImage, textAt } from './types.ts'
import { readWebpHeader } from './webp.ts'

export type { ImageHeader, Orientation } from './types.ts'
export { MalformedImage } from './types.ts'

/** What the magic bytes say; `svg` and `heic` are named because people upload them and deserve a clear answer. */
export function sniffType(bytes: Uint8Array): ImageType | 'svg' | 'heic' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg'
  if (bytes[0] === 0x89 && textAt(bytes, 1, 'PNG\r\n\x1a\n')) return 'png'
  if (textAt(bytes, 0, 'RIFF') && textAt(bytes, 8, 'WEBP')) return 'webp'
  if (textAt(bytes, 0, 'GIF87a') || textAt(bytes, 0, 'GIF89a')) return 'gif'
  if (textAt(bytes, 4, 'ftypavif') || textAt(bytes, 4, 'ftypavis')) return 'avif'
  if (textAt(bytes, 4, 'ftyphei') || textAt(bytes, 4, 'ftypmif1')) return 'heic'
  return looksLikeSvg(bytes) ? 'svg' : undefined
}

function looksLikeSvg(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, 1024)).trimStart().toLowerCase()
  return start.startsWith('<svg') || ((start.startsWith('<?xml') || start.startsWith('<!')) && start.includes('<svg'))
}

function readGifHeader(bytes: Uint8Array): ImageHeader {
  const [width, height] = [littleEndian16(bytes, 6), littleEndian16(bytes, 8)]
  if (width === 0 || height === 0) throw new MalformedImage('a side is zero')
  return {
    type: 'gif',
    width,
    height,
    orientation: 1,
    // A GIF that loops says so; a stricter count would need a walk over every block.
    frames: containsLoop(bytes) ? 2 : 1,
    alpha: true,
    wholePlanes: true,
    bitsPerSample: 8,
    samplesPerPixel: 1,
    profile: undefined,
    cmyk: false,
    complete: bytes.at(-1) === 0x3b,
  }
}

function containsLoop(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 2048)
  for (let at = head.indexOf(0x21); at >= 0; at = head.indexOf(0x21, at + 1)) {
    if (textAt(head, at + 3, 'NETSCAPE2.0')) return true
  }
  return false
}

/**
 * Reads type, dimensions and cost drivers from the header; nothing is decoded.
 * @returns undefined where the magic bytes are none of a raster type we know (AVIF is known by name only).
 * @throws MalformedImage where they are, but the header is damaged.
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  switch (sniffType(bytes)) {
    case 'jpeg':
      return readJpegHeader(bytes)
    case 'png':
      return readPngHeader(bytes)
    case 'webp':
      return readWebpHeader(bytes)
    case 'gif':
      return readGifHeader(bytes)
    default:
      return undefined
  }
}
