/** What has to hold before an original may be decoded: everything here is read from its first bytes. */
import { type ImageHeader, MalformedImage, readImageHeader, sniffType } from '#core/image/header/index.ts'
import { CONTENT_TYPE, type ImageKey } from '#core/image/key.ts'
import { IMAGE_LIMITS } from '#core/image/limits.ts'
import { refusals } from '#core/image/refusal.ts'
import type { Engine } from './engine/index.ts'

/**
 * @param storedType the content type that the store holds, if any.
 * @throws Problem 413, 415 or 422.
 */
export function checkOriginal(
  bytes: Uint8Array,
  source: ImageKey,
  storedType: string | undefined,
  engine: Engine,
): ImageHeader {
  checkType(bytes, source, storedType, engine)
  const header = readHeader(bytes)
  if (header.width * header.height > IMAGE_LIMITS.sourcePixels) {
    throw refusals.tooManyPixels(`The original has more than ${IMAGE_LIMITS.sourcePixels / 1e6} megapixels.`)
  }
  if (header.frames > 1) throw refusals.unsupported('Animated images are not resized.')
  if (header.type === 'jpeg' && header.bitsPerSample !== 8) {
    throw refusals.unsupported('Only JPEG files with eight bits a sample are supported.')
  }
  if (!header.complete) throw refusals.undecodable('The file ends before the picture does.')
  return header
}

function checkType(bytes: Uint8Array, source: ImageKey, storedType: string | undefined, engine: Engine): void {
  const actual = sniffType(bytes)
  if (actual === 'svg') throw refusals.unsupported('SVG is a document with scripts, not a picture: it is not served.')
  if (actual === undefined) throw refusals.notAnImage('The stored file is not an image.')
  if (actual === 'heic' || !engine.inputs.has(actual)) {
    throw refusals.unsupported(`Originals of type ${actual} cannot be resized.`)
  }
  const declared = CONTENT_TYPE[source.declaredType]
  const mismatch = actual !== source.declaredType
  const silent = storedType === undefined || storedType.endsWith('/octet-stream')
  if (mismatch || !(silent || storedType === declared || storedType === 'image/jpg')) {
    throw refusals.notAnImage(`The stored file is ${CONTENT_TYPE[actual]} but is declared as another type.`)
  }
}

function readHeader(bytes: Uint8Array): ImageHeader {
  try {
    const header = readImageHeader(bytes)
    if (header) return header
  } catch (fault) {
    if (fault instanceof MalformedImage) throw refusals.undecodable('The header of the file is damaged.', fault)
    throw fault
  }
  throw refusals.notAnImage('The stored file is not an image.')
}
