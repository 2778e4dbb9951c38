/** Pixels in rows without padding, eight bits a sample. */
export interface Raster {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  /** 3 = RGB, 4 = RGB and straight (not premultiplied) alpha. */
  readonly channels: 3 | 4
}
