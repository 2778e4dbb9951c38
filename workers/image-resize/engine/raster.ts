/** Pixels in rows without padding, eight bits a sample. */
export interface Raster {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  /** 3 = RGB, 4 = RGB and straight (not premultiplied) alpha. */
  readonly channels: 3 | 4
}

/** A raster that its decoder may have shrunk: `scale` is exact, while the size is rounded up to whole pixels. */
export interface DecodedRaster extends Raster {
  readonly scale: number
}
