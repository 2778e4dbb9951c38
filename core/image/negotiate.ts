/** Which format to answer in: the client's Accept, normalised to three classes so that caches hold three variants at most. */
import type { Format } from './options.ts'
import type { OutputType } from './plan.ts'

/** The best modern format that a client takes and an engine writes; `plain` = JPEG, or PNG where it is transparent. */
export type AcceptClass = 'avif' | 'webp' | 'plain'

/**
 * Reads an Accept header (RFC 9110 §12.5.1). Wildcards do not count: everything sends `image/*`, also clients that cannot
 * show WebP. `q=0` is a refusal; other weights are ignored, the smaller format wins.
 */
export function acceptClass(accept: string | null | undefined, outputs: ReadonlySet<OutputType>): AcceptClass {
  const taken = new Set<string>()
  for (const part of (accept ?? '').slice(0, 1024).toLowerCase().split(',')) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim())
    if (!parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) taken.add(type)
  }
  if (taken.has('image/avif') && outputs.has('avif')) return 'avif'
  return taken.has('image/webp') && outputs.has('webp') ? 'webp' : 'plain'
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
