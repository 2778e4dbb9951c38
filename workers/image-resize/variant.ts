/** Makes one variant of one original: fetch, check, plan within the memory budget, resize. */

import { type ImageKey, largeVariantKey } from '#core/image/key.ts'
import { IMAGE_LIMITS } from '#core/image/limits.ts'
import { type AcceptClass, outputType } from '#core/image/negotiate.ts'
import { planResize, type ResizePlan } from '#core/image/plan.ts'
import { refusals } from '#core/image/refusal.ts'
import type { ImageRequest } from '#core/image/url.ts'
import { Problem } from '#core/problem.ts'
import type { Admission, Ticket } from './admission.ts'
import { checkOriginal } from './check.ts'
import { type Engine, type ResizedImage, UndecodableImage } from './engine/index.ts'
import type { OriginalStore } from './originals.ts'
import type { Stopwatch } from './timing.ts'

export interface VariantMaker {
  readonly engine: Engine
  readonly admission: Admission
}

interface Prepared {
  readonly bytes: Uint8Array
  readonly plan: ResizePlan
}

/**
 * @throws Problem: 404, 413, 415, 422, 502, 503.
 */
export async function makeVariant(
  { engine, admission }: VariantMaker,
  originals: OriginalStore,
  { source, options }: ImageRequest,
  accepted: AcceptClass,
  time: Stopwatch,
): Promise<ResizedImage> {
  const ticket = admission.enter(0)
  try {
    const prepare = async (key: ImageKey) => {
      const { bytes, contentType } = await time.measure('fetch', () => load(originals, key, ticket))
      const header = checkOriginal(bytes, key, contentType, engine)
      const output = outputType(options.format, accepted, header.alpha, engine.outputs)
      return { bytes, plan: planResize(options, header, output, IMAGE_LIMITS.outputSide) }
    }
    const { bytes, plan } = await withinBudget(engine, source, prepare)
    // The compressed source is copied into the decoder's memory.
    ticket.grow(engine.pixelBytes(plan) + bytes.length)
    return await time.measure('resize', () => engine.resize(bytes, plan))
  } catch (fault) {
    if (fault instanceof UndecodableImage) throw refusals.undecodable('The picture in the file is damaged.', fault)
    throw fault
  } finally {
    ticket.leave()
  }
}

async function load(originals: OriginalStore, { key }: ImageKey, ticket: Ticket) {
  const original = await originals.open(key)
  if (!original) throw refusals.missing()
  try {
    ticket.grow(Math.min(original.size ?? IMAGE_LIMITS.sourceBytes, IMAGE_LIMITS.sourceBytes))
  } catch (refused) {
    await original.cancel()
    throw refused
  }
  return { bytes: await original.read(), contentType: original.contentType }
}

/** The original where memory allows it, else the large variant that the media tier made of it, else 413. */
async function withinBudget(
  engine: Engine,
  source: ImageKey,
  prepare: (key: ImageKey) => Promise<Prepared>,
): Promise<Prepared> {
  const fits = ({ plan }: Prepared) => engine.pixelBytes(plan) <= IMAGE_LIMITS.pixelBytes
  const original = await prepare(source)
  if (fits(original)) return original
  const variant = await prepare(largeVariantKey(source)).catch((fault: unknown) => {
    if (fault instanceof Problem && fault.status === 404) return undefined
    throw fault
  })
  if (variant && fits(variant)) return variant
  throw refusals.tooLarge('Decoding this picture needs more memory than is allowed, and it has no smaller variant yet.')
}
