/** The port that resizing engines stand behind: geometry and limits are decided before, an engine only does the work. */
import type { ImageType } from '#core/image/key.ts'
import type { OutputType, ResizePlan } from '#core/image/plan.ts'

export interface ResizedImage {
  readonly bytes: Uint8Array
  readonly contentType: string
  readonly width: number
  readonly height: number
}

export interface Engine {
  /** Part of every ETag and cache key: raise it when the same plan gives other bytes. */
  readonly version: string
  readonly inputs: ReadonlySet<ImageType>
  readonly outputs: ReadonlySet<OutputType>
  /** Bytes of pixels and coefficients that this plan needs at its peak, the compressed source not counted. */
  pixelBytes(plan: ResizePlan): number
  /**
   * Decodes, turns upright, crops, shrinks, pads and encodes. The answer carries pixels only: no EXIF, no XMP, no GPS.
   * @throws UndecodableImage when the source cannot be read; the engine stays usable.
   */
  resize(source: Uint8Array, plan: ResizePlan): Promise<ResizedImage>
}

export class UndecodableImage extends Error {}
