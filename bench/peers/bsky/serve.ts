/**
 * One process of the AppView: `node serve.ts data-plane DATABASE_URL PORT`, which makes the tables first, or
 * `node serve.ts app-view DATA_PLANE_URL PORT PASSWORD`. What it would ask of others (identities, notices) leads nowhere:
 * a home timeline needs none of it.
 */
import { BskyAppView, Database, DataPlaneServer, ServerConfig } from '@atproto/bsky'
import { Secp256k1Keypair } from '@atproto/crypto'

const NOWHERE = 'http://127.0.0.1:9'
const SCHEMA = 'bsky'

const [part = '', address = '', port = '', password = ''] = process.argv.slice(2)
const nobody = new Set<string>()

async function serveDataPlane(): Promise<void> {
  const database = new Database({ url: address, schema: SCHEMA, poolSize: 10 })
  await database.migrateToLatestOrThrow()
  await DataPlaneServer.create(database, Number(port), NOWHERE)
}

async function serveAppView(): Promise<void> {
  const config = new ServerConfig({
    version: 'unknown',
    port: Number(port),
    publicUrl: 'https://bsky.test',
    serverDid: 'did:example:bench',
    alternateAudienceDids: [],
    adminPasswords: [password],
    dataplaneUrls: [address],
    dataplaneHttpVersion: '1.1',
    ...{ didPlcUrl: NOWHERE, bsyncUrl: NOWHERE, bsyncHttpVersion: '1.1', bsyncApiKey: 'none', etcdHosts: [] },
    modServiceDid: 'did:example:nobody',
    labelsFromIssuerDids: [],
    disableSsrfProtection: true,
    ...{ bigThreadUris: nobody, maxThreadParents: 50, threadTagsBumpDown: nobody, threadTagsHide: nobody },
    ...{ searchTagsHide: nobody, searchTagsHideAll: nobody, visibilityTagHide: '', visibilityTagRankPrefix: '' },
    ...{ debugFieldAllowedDids: nobody, draftsLimit: 500, irisFeedUris: nobody, irisStagingFeedUris: nobody },
  })
  await BskyAppView.create({ config, signingKey: await Secp256k1Keypair.create() }).start()
}

process.once('SIGTERM', () => process.exit(0))
await (part === 'data-plane' ? serveDataPlane() : serveAppView())
