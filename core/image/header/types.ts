/** What the first bytes of an image tell before anything is decoded. */
import type { ImageType } from '../key.ts'

/** EXIF orientation, 1–8 (CIPA DC-008, tag 0x0112): 2, 4, 5, 7 are mirrored; 5–8 are on their side. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

export interface ImageHeader {
  readonly type: ImageType
  /** Pixels as stored, before the orientation is applied. */
  readonly width: number
  readonly height: number
  readonly orientation: Orientation
  /** More than one for animations; counting stops at two, nobody here needs the exact number. */
  readonly frames: number
  readonly alpha: boolean
  /** No row is final before the whole picture was read: progressive JPEG, interlaced PNG, lossless WebP. */
  readonly wholePlanes: boolean
  readonly bitsPerSample: number
  /** Stored samples a pixel: 1.5 for a JPEG with 4:2:0 chroma, 3 for RGB, 4 with alpha. */
  readonly samplesPerPixel: number
  /** ICC profile, where the file carries one uncompressed (JPEG, WebP); undefined = take it for sRGB. */
  readonly profile: Uint8Array | undefined
  /** JPEG with four inks (print). */
  readonly cmyk: boolean
  /** The file ends where its format says it ends. */
  readonly complete: boolean
}

/** A file that begins like an image and does not go on like one. */
export class MalformedImage extends Error {}

export const bigEndian16 = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

export const bigEndian32 = (bytes: Uint8Array, at: number): number =>
  bigEndian16(bytes, at) * 65_536 + bigEndian16(bytes, at + 2)

export const littleEndian16 = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)

export const littleEndian24 = (bytes: Uint8Array, at: number): number =>
  littleEndian16(bytes, at) | ((bytes[at + 2] ?? 0) << 16)

export const littleEndian32 = (bytes: Uint8Array, at: number): number =>
  littleEndian16(bytes, at) + littleEndian16(bytes, at + 2) * 65_536

/** Whether the ASCII text stands at this offset. */
export function textAt(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false
  return true
}
