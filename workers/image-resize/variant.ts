/** One variant of one original: as the media tier has made it, or else fetch, check, plan within the memory budget, resize. */

import { sniffType } from '#core/image/header/index.ts'
import { CONTENT_TYPE, type ImageKey, largeVariantKey, PREPARED_PRESETS, preparedVariantKey } from '#core/image/key.ts'
import { IMAGE_LIMITS } from '#core/image/limits.ts'
import { type AcceptClass, outputType } from '#core/image/negotiate.ts'
import { presetNameOf } from '#core/image/options.ts'
import { planResize, type ResizePlan } from '#core/image/plan.ts'
import { refusals } from '#core/image/refusal.ts'
import type { ImageRequest } from '#core/image/url.ts'
import { Problem } from '#core/problem.ts'
import type { Admission, Ticket } from './admission.ts'
import { checkOriginal } from './check.ts'
import { type Engine, UndecodableImage } from './engine/index.ts'
import type { OriginalStore } from './originals.ts'
import type { Stopwatch } from './timing.ts'

export interface VariantMaker {
  readonly engine: Engine
  readonly admission: Admission
}

export interface Variant {
  readonly bytes: Uint8Array
  readonly contentType: string
}

/** An original that has been looked into. */
interface Planned {
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
): Promise<Variant> {
  const ticket = admission.enter(0)
  const fetched = (key: ImageKey) => time.measure('fetch', () => load(originals, key, ticket))
  try {
    const key = preparedKey({ source, options }, accepted)
    const prepared = key && (await fetched(key).catch(nullIfNotTheirs))
    if (prepared && sniffType(prepared.bytes) === 'webp') {
      return { bytes: prepared.bytes, contentType: CONTENT_TYPE.webp }
    }
    const plan = async (key: ImageKey) => {
      const { bytes, contentType } = await fetched(key)
      const header = checkOriginal(bytes, key, contentType, engine)
      const output = outputType(options.format, accepted, header.alpha, engine.outputs)
      return { bytes, plan: planResize(options, header, output, IMAGE_LIMITS.outputSide) }
    }
    const original = await withinBudget(engine, source, plan)
    // The compressed source is copied into the decoder's memory.
    ticket.grow(engine.pixelBytes(original.plan) + original.bytes.length)
    return await time.measure('resize', () => engine.resize(original.bytes, original.plan))
  } catch (fault) {
    if (fault instanceof UndecodableImage) throw refusals.undecodable('The picture in the file is damaged.', fault)
    throw fault
  } finally {
    ticket.leave()
  }
}

/** Where the media tier has put what is asked for, or null: it makes the presets that pages show, as WebP. */
function preparedKey({ source, options }: ImageRequest, accepted: AcceptClass): ImageKey | null {
  const name = presetNameOf(options)
  const preset = PREPARED_PRESETS.find((prepared) => prepared === name)
  return preset === undefined || accepted !== 'webp' ? null : preparedVariantKey(source, preset)
}

/** A store that does not let its reader list refuses what is not there: 502 here. The original is asked for all the same. */
function nullIfNotTheirs(fault: unknown): null {
  if (fault instanceof Problem && fault.status === 502) return null
  return nullIfMissing(fault)
}

function nullIfMissing(fault: unknown): null {
  if (fault instanceof Problem && fault.status === 404) return null
  throw fault
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
  plan: (key: ImageKey) => Promise<Planned>,
): Promise<Planned> {
  const fits = (planned: Planned) => engine.pixelBytes(planned.plan) <= IMAGE_LIMITS.pixelBytes
  const original = await plan(source)
  if (fits(original)) return original
  const variant = await plan(largeVariantKey(source)).catch(nullIfMissing)
  if (variant && fits(variant)) return variant
  throw refusals.tooLarge('Decoding this picture needs more memory than is allowed, and it has no smaller variant yet.')
}
