/** JPEG (ITU-T T.81): walks the marker segments up to the first scan. */
import { exifOrientation } from './exif.ts'
import { bigEndian16, type ImageHeader, MalformedImage, type Orientation, textAt } from './types.ts'

/** SOF0–SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share the range. */
const isFrame = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

const START_OF_SCAN = 0xda
const END_OF_IMAGE = 0xd9
const APP1 = 0xe1
const APP2 = 0xe2
const ICC = 'ICC_PROFILE\0'

interface Segment {
  readonly marker: number
  /** First byte of the payload and the one behind its last. */
  readonly start: number
  readonly end: number
}

/** The segments before the entropy-coded data; ends with the SOS segment. */
function* segments(bytes: Uint8Array): Generator<Segment> {
  let at = 2
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) throw new MalformedImage('a marker is missing')
    const marker = bytes[at + 1] ?? 0
    if (marker === 0xff) {
      at += 1
      continue
    }
    const length = bigEndian16(bytes, at + 2)
    if (length < 2) throw new MalformedImage('a segment has no length')
    yield { marker, start: at + 4, end: at + 2 + length }
    if (marker === START_OF_SCAN) return
    at += 2 + length
  }
  throw new MalformedImage('there is no scan')
}

interface Frame {
  readonly marker: number
  readonly bits: number
  readonly width: number
  readonly height: number
  readonly components: number
  readonly samplesPerPixel: number
}

/** The frame header (T.81 B.2.2): precision, lines, samples a line, then three bytes a component. */
function readFrame(marker: number, bytes: Uint8Array, start: number): Frame {
  const components = bytes[start + 5] ?? 0
  const samplings = Array.from({ length: components }, (_, i) => bytes[start + 7 + i * 3] ?? 0)
  const blocks = samplings.map((sampling) => (sampling >> 4) * (sampling & 15))
  const largest = Math.max(1, ...samplings.map((s) => s >> 4)) * Math.max(1, ...samplings.map((s) => s & 15))
  return {
    marker,
    bits: bytes[start] ?? 0,
    height: bigEndian16(bytes, start + 1),
    width: bigEndian16(bytes, start + 3),
    components,
    samplesPerPixel: blocks.reduce((sum, block) => sum + block, 0) / largest,
  }
}

/** @throws MalformedImage when the segments do not lead to a frame and a scan. */
export function readJpegHeader(bytes: Uint8Array): ImageHeader {
  let frame: Frame | undefined
  let orientation: Orientation | undefined
  let scanStart = bytes.length
  const profileParts: Uint8Array[] = []
  for (const { marker, start, end } of segments(bytes)) {
    if (isFrame(marker) && !frame) {
      frame = readFrame(marker, bytes, start)
    } else if (marker === APP1 && orientation === undefined && textAt(bytes, start, 'Exif\0\0')) {
      orientation = exifOrientation(bytes.subarray(start + 6, end))
    } else if (marker === APP2 && textAt(bytes, start, ICC)) {
      // Two bytes follow the name: the part's number, from one, and how many there are.
      profileParts[(bytes[start + ICC.length] ?? 1) - 1] = bytes.subarray(start + ICC.length + 2, end)
    } else if (marker === START_OF_SCAN) scanStart = end
  }
  if (!frame || frame.width === 0 || frame.height === 0) throw new MalformedImage('there is no frame')
  return {
    type: 'jpeg',
    width: frame.width,
    height: frame.height,
    orientation: orientation ?? 1,
    frames: 1,
    alpha: false,
    wholePlanes: frame.marker !== 0xc0 && frame.marker !== 0xc1,
    bitsPerSample: frame.bits,
    samplesPerPixel: frame.samplesPerPixel,
    profile: joinParts(profileParts),
    cmyk: frame.components === 4,
    complete: hasEnd(bytes, scanStart),
  }
}

/** A profile over 64 kB is spread over segments (ICC.1 annex B.4); one with a hole is as good as none. */
function joinParts(parts: readonly (Uint8Array | undefined)[]): Uint8Array | undefined {
  if (parts.length <= 1) return parts[0]
  const whole = Array.from(parts, (part) => part ?? new Uint8Array())
  if (whole.some((part) => part.length === 0)) return undefined
  const joined = new Uint8Array(whole.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of whole) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Inside entropy-coded data FF is always followed by 00 or a restart marker, so FF D9 there is the real end. */
function hasEnd(bytes: Uint8Array, scanStart: number): boolean {
  for (let at = bytes.lastIndexOf(END_OF_IMAGE); at > scanStart; at = bytes.lastIndexOf(END_OF_IMAGE, at - 1)) {
    if (bytes[at - 1] === 0xff) return true
  }
  return false
}
