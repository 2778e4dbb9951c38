/**
 * What serve.ts uses of the two packages, which are installed by whoever asks for this peer and by nobody else: without
 * them the types are still checked.
 */
declare module '@atproto/bsky' {
  export class Database {
    constructor(options: { url: string; schema: string; poolSize?: number })
    migrateToLatestOrThrow(): Promise<unknown>
    close(): Promise<void>
  }
  export const DataPlaneServer: {
    create(database: Database, port: number, plcUrl: string): Promise<{ destroy(): Promise<void> }>
  }
  export class ServerConfig {
    constructor(values: Record<string, unknown>)
  }
  export const BskyAppView: {
    create(options: { config: ServerConfig; signingKey: import('@atproto/crypto').Keypair }): {
      start(): Promise<unknown>
    }
  }
}

declare module '@atproto/crypto' {
  export interface Keypair {
    did(): string
  }
  export const Secp256k1Keypair: { create(): Promise<Keypair> }
}
