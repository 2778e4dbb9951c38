import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { type Bindings, readConfig } from './config.ts'

const KEYS = 'a:a-signing-secret-for-tests-of-32-characters'
const S3 = {
  IMAGE_SIGNING_KEYS: KEYS,
  S3_ENDPOINT: 'http://127.0.0.1:9000/',
  S3_BUCKET: 'tideline-media',
  S3_REGION: 'auto',
  S3_ACCESS_KEY_ID: 'id',
  S3_SECRET_ACCESS_KEY: 'very secret',
}
const read = (settings: Record<string, unknown>) => readConfig(settings as unknown as Bindings)

describe('the configuration', () => {
  it('reads S3 settings', () => {
    expect(read(S3).store).toMatchObject({ kind: 's3', endpoint: 'http://127.0.0.1:9000', bucket: 'tideline-media' })
    expect(read(S3).signingKeys).toHaveLength(1)
  })

  it('prefers a bucket that is bound', () => {
    expect(readConfig(env as Bindings).store.kind).toBe('r2')
  })

  it('names every missing setting at once, and no secret', () => {
    const { S3_ENDPOINT: _, S3_ACCESS_KEY_ID: __, ...rest } = S3
    expect(() => read(rest)).toThrow(/S3_ENDPOINT.*S3_ACCESS_KEY_ID/)
    expect(() => read({ ...S3, S3_ENDPOINT: 'ftp://x' })).not.toThrow(/very secret/)
    expect(() => read({ ...S3, IMAGE_SIGNING_KEYS: 'a:short' })).toThrow(/IMAGE_SIGNING_KEYS.*shorter than 32/)
    expect(() => read({ ...S3, IMAGE_SIGNING_KEYS: undefined })).toThrow(/IMAGE_SIGNING_KEYS/)
  })
})
