/** WebP (RFC 9649): RIFF chunks; one of VP8, VP8L or VP8X comes first. */
import { exifOrientation } from './exif.ts'
import {
  type ImageHeader,
  littleEndian16,
  littleEndian24,
  littleEndian32,
  MalformedImage,
  type Orientation,
  textAt,
} from './types.ts'

const ANIMATION_FLAG = 0x02
const ALPHA_FLAG = 0x10
const FIRST_CHUNK = 12

/** @throws MalformedImage when the first chunk is none of the three that carry dimensions. */
export function readWebpHeader(bytes: Uint8Array): ImageHeader {
  const size = dimensions(bytes)
  const chunks = walkChunks(bytes)
  return {
    type: 'webp',
    width: size.width,
    height: size.height,
    orientation: chunks.orientation,
    frames: size.animated ? 2 : 1,
    alpha: size.alpha,
    wholePlanes: chunks.lossless,
    bitsPerSample: 8,
    samplesPerPixel: size.alpha ? 4 : 3,
    profile: chunks.profile,
    cmyk: false,
    complete: littleEndian32(bytes, 4) + 8 <= bytes.length,
  }
}

function dimensions(bytes: Uint8Array): { width: number; height: number; alpha: boolean; animated: boolean } {
  const payload = FIRST_CHUNK + 8
  if (bytes.length < 30) throw new MalformedImage('the file is too short')
  if (textAt(bytes, FIRST_CHUNK, 'VP8X')) {
    const flags = bytes[payload] ?? 0
    return {
      width: littleEndian24(bytes, payload + 4) + 1,
      height: littleEndian24(bytes, payload + 7) + 1,
      alpha: (flags & ALPHA_FLAG) !== 0,
      animated: (flags & ANIMATION_FLAG) !== 0,
    }
  }
  if (textAt(bytes, FIRST_CHUNK, 'VP8L')) {
    const packed = littleEndian32(bytes, payload + 1)
    return {
      width: (packed & 0x3fff) + 1,
      height: (Math.floor(packed / 0x4000) & 0x3fff) + 1,
      alpha: (Math.floor(packed / 0x1000_0000) & 1) === 1,
      animated: false,
    }
  }
  if (textAt(bytes, FIRST_CHUNK, 'VP8 ')) {
    const width = littleEndian16(bytes, payload + 6) & 0x3fff
    const height = littleEndian16(bytes, payload + 8) & 0x3fff
    if (width === 0 || height === 0) throw new MalformedImage('a side is zero')
    return { width, height, alpha: false, animated: false }
  }
  throw new MalformedImage('the first chunk has no dimensions')
}

interface ChunkFindings {
  orientation: Orientation
  lossless: boolean
  profile: Uint8Array | undefined
}

function walkChunks(bytes: Uint8Array): ChunkFindings {
  const found: ChunkFindings = { orientation: 1, lossless: false, profile: undefined }
  for (let at = FIRST_CHUNK; at + 8 <= bytes.length; ) {
    const length = littleEndian32(bytes, at + 4)
    if (textAt(bytes, at, 'VP8L')) found.lossless = true
    if (textAt(bytes, at, 'ICCP')) found.profile = bytes.subarray(at + 8, at + 8 + length)
    if (textAt(bytes, at, 'EXIF')) {
      const start = textAt(bytes, at + 8, 'Exif\0\0') ? at + 14 : at + 8
      found.orientation = exifOrientation(bytes.subarray(start, at + 8 + length))
    }
    at += 8 + length + (length & 1)
  }
  return found
}
