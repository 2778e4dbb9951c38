/**
 * The engine that needs nothing but wasm: TurboJPEG, LodePNG and libwebp decode (JPEG shrinks while it decodes), our
 * resampler shrinks, MozJPEG and libwebp encode. Runs in workerd locally and in production alike.
 */
import { CONTENT_TYPE, type ImageType } from '#core/image/key.ts'
import type { OutputType, Rectangle, ResizePlan, Size } from '#core/image/plan.ts'
import { toSrgb } from './colour.ts'
import { compose } from './compose.ts'
import { decodeJpeg, jpegPixelBytes } from './decode-jpeg.ts'
import { decodeWebp, webpPixelBytes } from './decode-webp.ts'
import { encodeJpeg, encodeWebp } from './encode.ts'
import type { Engine } from './index.ts'
import { storedRectangle, turnUpright } from './orient.ts'
import { decodePng, encodePng, pngPixelBytes } from './png.ts'
import type { DecodedRaster, Raster } from './raster.ts'
import { resample } from './resample.ts'

const INPUTS: ReadonlySet<ImageType> = new Set(['jpeg', 'png', 'webp'])
const OUTPUTS: ReadonlySet<OutputType> = new Set(['jpeg', 'webp', 'png'])

export function wasmEngine(): Engine {
  return {
    version: 'wasm-1',
    inputs: INPUTS,
    outputs: OUTPUTS,
    pixelBytes,
    async resize(source, plan) {
      const picture = shrink(decode(source, plan), plan)
      const bytes = await encode(compose(picture, plan), plan)
      const { width, height } = plan.canvas
      return { bytes, contentType: CONTENT_TYPE[plan.output], width, height }
    },
  }
}

/** How much smaller the kept part gets: the larger of both axes, so that no axis is enlarged. */
const scaleOf = ({ crop, scaled }: ResizePlan) =>
  Math.min(1, Math.max(scaled.width / crop.width, scaled.height / crop.height))

function pixelBytes(plan: ResizePlan): number {
  const answer = plan.canvas.width * plan.canvas.height * 4
  // The shrunk picture, its RGBA canvas and the encoder's copy of that.
  return decodedBytes(plan) + 3 * answer
}

function decodedBytes(plan: ResizePlan): number {
  switch (plan.source.type) {
    case 'png':
      return pngPixelBytes(plan.source)
    case 'webp':
      return webpPixelBytes(plan.source)
    default:
      return jpegPixelBytes(plan.source, scaleOf(plan))
  }
}

function decode(source: Uint8Array, plan: ResizePlan): DecodedRaster {
  switch (plan.source.type) {
    case 'jpeg':
      return decodeJpeg(source, plan.source, scaleOf(plan))
    case 'png':
      return decodePng(source, plan.source)
    case 'webp':
      return decodeWebp(source, plan.source)
    default:
      throw new Error(`the engine does not read ${plan.source.type}`)
  }
}

/** Works in the stored orientation and turns only the small result. */
function shrink(decoded: DecodedRaster, { source, crop, scaled }: ResizePlan): Raster {
  const stored = storedRectangle(crop, source, source.orientation)
  const { scale } = decoded
  const kept: Rectangle = {
    x: stored.x * scale,
    y: stored.y * scale,
    width: stored.width * scale,
    height: stored.height * scale,
  }
  const target: Size = source.orientation >= 5 ? { width: scaled.height, height: scaled.width } : scaled
  const small = resample(decoded, kept, target, !source.alpha)
  return turnUpright(toSrgb(small, source.cmyk ? undefined : source.profile), source.orientation)
}

async function encode(rgba: Uint8Array, plan: ResizePlan): Promise<Uint8Array> {
  const { width, height } = plan.canvas
  switch (plan.output) {
    case 'webp':
      return encodeWebp(rgba, width, height, plan.quality)
    case 'png':
      return encodePng(rgba, width, height)
    case 'jpeg':
      return encodeJpeg(rgba, width, height, plan.quality, plan.progressive)
    default:
      throw new Error(`the engine does not write ${plan.output}`)
  }
}
