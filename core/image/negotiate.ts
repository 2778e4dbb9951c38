/** Which format to answer in: the client's Accept, normalised to three classes so that caches hold three variants at most. */
import type { Format } from './options.ts'
import type { OutputType } from './plan.ts'

/** The best modern format that a client takes and an engine writes; `plain` = JPEG, or PNG where it is transparent. */
export type AcceptClass = 'avif' | 'webp' | 'plain'

/** A type among those that an Accept header lists, with parameters of which none is `q=0`. */
const TAKEN = Object.freeze({
  avif: /(?:^|,)\s*image\/avif\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:[;,]|$))[^,;]*)*(?:,|$)/i,
  webp: /(?:^|,)\s*image\/webp\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:[;,]|$))[^,;]*)*(?:,|$)/i,
})

/**
 * Reads an Accept header (RFC 9110 §12.5.1). Wildcards do not count: everything sends `image/*`, also clients that cannot
 * show WebP. `q=0` is a refusal; other weights are ignored, the smaller format wins.
 */
export function acceptClass(accept: string | null | undefined, outputs: ReadonlySet<OutputType>): AcceptClass {
  const header = (accept ?? '').slice(0, 1024)
  if (outputs.has('avif') && TAKEN.avif.test(header)) return 'avif'
  return outputs.has('webp') && TAKEN.webp.test(header) ? 'webp' : 'plain'
}

/** What `format` and the client lead to. AVIF falls back to WebP where the engine has none, as at Cloudflare. */
export function outputType(
  format: Format,
  accepted: AcceptClass,
  alpha: boolean,
  outputs: ReadonlySet<OutputType>,
): OutputType {
  switch (format) {
    case 'avif':
      return outputs.has('avif') ? 'avif' : 'webp'
    case 'baseline-jpeg':
      return 'jpeg'
    case 'auto':
      if (accepted !== 'plain') return accepted
      return alpha ? 'png' : 'jpeg'
    default:
      return format
  }
}
