/** PNG (W3C third edition): walks the chunks, which also tells whether the file is whole. */
import { exifOrientation } from './exif.ts'
import { bigEndian32, type ImageHeader, MalformedImage, type Orientation, textAt } from './types.ts'

const SIGNATURE_LENGTH = 8
const GREY_ALPHA = 4
const COLOUR_ALPHA = 6
/** Samples a pixel by colour type: grey, RGB, palette, grey with alpha, RGB with alpha. */
const SAMPLES: Readonly<Record<number, number>> = Object.freeze({ 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 })

/** @throws MalformedImage when the first chunk is not a header with dimensions. */
export function readPngHeader(bytes: Uint8Array): ImageHeader {
  if (!textAt(bytes, 12, 'IHDR') || bytes.length < 33) throw new MalformedImage('there is no IHDR chunk')
  const width = bigEndian32(bytes, 16)
  const height = bigEndian32(bytes, 20)
  if (width === 0 || height === 0) throw new MalformedImage('a side is zero')
  const colourType = bytes[25] ?? 0
  const rest = walkChunks(bytes)
  return {
    type: 'png',
    width,
    height,
    orientation: rest.orientation,
    frames: rest.animated ? 2 : 1,
    alpha: colourType === GREY_ALPHA || colourType === COLOUR_ALPHA || rest.transparency,
    wholePlanes: bytes[28] === 1,
    bitsPerSample: bytes[24] ?? 0,
    samplesPerPixel: SAMPLES[colourType] ?? 4,
    profile: undefined,
    cmyk: false,
    complete: rest.complete,
  }
}

function walkChunks(bytes: Uint8Array) {
  const found = { orientation: 1 as Orientation, animated: false, transparency: false, complete: false }
  let at = SIGNATURE_LENGTH
  while (at + 12 <= bytes.length) {
    const length = bigEndian32(bytes, at)
    const end = at + 12 + length
    if (end > bytes.length) break
    if (textAt(bytes, at + 4, 'IEND')) {
      found.complete = true
      break
    }
    if (textAt(bytes, at + 4, 'acTL')) found.animated = bigEndian32(bytes, at + 8) > 1
    if (textAt(bytes, at + 4, 'tRNS')) found.transparency = true
    if (textAt(bytes, at + 4, 'eXIf')) found.orientation = exifOrientation(bytes.subarray(at + 8, end - 4))
    at = end
  }
  return found
}
