/**
 * Where media lies: originals, variants, exports. Spoken to over S3's protocol, whichever server answers.
 *
 * Keys are non-empty, well-formed, at most 1,024 bytes of UTF-8, with no segment `.` or `..` (URLs swallow them);
 * others throw RangeError. Everything that fails at the store throws ObjectStoreError.
 */
export interface ObjectStore {
  /** Stores an object whole, replacing an older one. Bodies on disk: `await openAsBlob(path)`. */
  put(key: string, body: Uint8Array | Blob, options: PutOptions): Promise<{ etag: string }>
  /** Opens an object, or a part of it. @returns undefined when there is none */
  get(key: string, range?: ByteRange): Promise<StoredObject | undefined>
  /** @returns undefined when there is none */
  head(key: string): Promise<ObjectInfo | undefined>
  /** Deletes what is there of `keys`; any number. */
  delete(keys: readonly string[]): Promise<void>
  /** Objects whose key begins with `prefix`, in the order of their UTF-8 bytes, up to 1,000 a page. */
  list(prefix: string, cursor?: string): Promise<ObjectPage>

  /**
   * Lets a client upload exactly this object: key, type, length (and content) are signed. As in every S3, headers
   * that are not signed, such as a cache-control that is not given here, are the client's to choose.
   */
  presignPut(upload: PresignPut): Promise<PresignedRequest>
  /** Lets a client read an object, GET only. */
  presignGet(read: PresignGet): Promise<PresignedRequest>

  /** Begins an upload in parts of at least 5 MiB (but the last). */
  createMultipart(upload: PutOptions & { readonly key: string }): Promise<{ uploadId: string }>
  /** Lets a client upload one part, its length signed. The answer's ETag goes into `completeMultipart`. */
  presignPart(part: PresignPart): Promise<PresignedRequest>
  /** Parts that have arrived, ascending: what a client needs to resume. @returns undefined when the upload is gone */
  listParts(upload: UploadRef): Promise<readonly UploadedPart[] | undefined>
  /** Joins the parts into the object. */
  completeMultipart(upload: UploadRef & { readonly parts: readonly PartRef[] }): Promise<{ etag: string }>
  /** Drops an upload and its parts; nothing happens when it is gone already. */
  abortMultipart(upload: UploadRef): Promise<void>
}

export interface PutOptions {
  readonly contentType: string
  readonly cacheControl?: string
}

/** Bytes from `start` to `end`, both included; to the end of the object without `end`. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

export interface ObjectInfo {
  /** Bytes of the whole object. */
  readonly size: number
  /** Without quotes. */
  readonly etag: string
  readonly contentType: string
  readonly cacheControl: string | undefined
  /** Epoch milliseconds, whole seconds. */
  readonly lastModified: number
}

export interface StoredObject extends ObjectInfo {
  /** Must be read to its end or cancelled. */
  readonly body: ReadableStream<Uint8Array>
}

export interface ObjectPage {
  readonly items: readonly ListedObject[]
  /** For the next page; undefined on the last. */
  readonly cursor: string | undefined
}

export interface ListedObject {
  readonly key: string
  readonly size: number
  readonly etag: string
  /** Epoch milliseconds. */
  readonly lastModified: number
}

export interface PresignPut extends PutOptions {
  readonly key: string
  /** Exact size in bytes. */
  readonly contentLength: number
  /** SHA-256 of the content in base64; the store refuses any other content. */
  readonly checksumSha256?: string
  /** 1 to 604,800. */
  readonly expiresSeconds: number
}

export interface PresignGet {
  readonly key: string
  readonly expiresSeconds: number
  /** Sent as Content-Disposition, such as `attachment; filename="export.zip"`. */
  readonly contentDisposition?: string
}

export interface UploadRef {
  readonly key: string
  readonly uploadId: string
}

export interface PresignPart extends UploadRef {
  /** 1 to 10,000. */
  readonly partNumber: number
  readonly contentLength: number
  readonly expiresSeconds: number
}

export interface PartRef {
  readonly partNumber: number
  readonly etag: string
}

export interface UploadedPart extends PartRef {
  readonly size: number
}

/** A request that whoever holds it may send once or more until it expires. */
export interface PresignedRequest {
  readonly method: 'GET' | 'PUT'
  readonly url: string
  /** To be sent exactly so. Browsers set content-length themselves, from the body. */
  readonly headers: Readonly<Record<string, string>>
  /** Epoch milliseconds. */
  readonly expiresAt: number
}
