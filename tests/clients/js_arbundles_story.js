// What @dha-team/arbundles says of data items and bundles: one JSON line for each step, judged by test_arbundles.py.
// Arguments: the folder whose node_modules holds it, and a JSON file with keys, drafts, items and a bundle.

'use strict'

const { readFileSync } = require('fs')
const { createRequire } = require('module')
const { join } = require('path')

const [folder, path] = process.argv.slice(2)
const arbundles = createRequire(join(folder, 'package.json'))('@dha-team/arbundles')
const given = JSON.parse(readFileSync(path, 'utf8'))

class Seed extends arbundles.Curve25519 {
    constructor(seed, type) {
        super(seed, null)
        this.signatureType = type
    }

    get key() {
        return Buffer.from(this._key, 'hex')
    }

    get publicKey() {
        return Buffer.from(given.keys.ed25519.owner, 'hex')
    }
}

class Solana extends Seed {
    sign(message) {
        return super.sign(Buffer.from(Buffer.from(message).toString('hex')))
    }
}

function injectedAptos() {
    const seed = new Seed(given.keys.ed25519.seed, 2)
    const signMessage = async ({ message, nonce }) => {
        const text = `APTOS\nmessage: ${message}\nnonce: ${nonce}`
        return { signature: Buffer.from(await seed.sign(Buffer.from(text))).toString('hex') }
    }
    return new arbundles.InjectedAptosSigner({ signMessage }, seed.publicKey)
}

function multiAptos() {
    const { owner, seeds, signers } = given.keys.multiAptos
    const collect = async (message) => ({
        signatures: await Promise.all(
            signers.map(async (index) => Buffer.from(await new Seed(seeds[index], 2).sign(message)))
        ),
        bitmap: signers,
    })
    return new arbundles.MultiSignatureAptosSigner(Buffer.from(owner, 'hex'), collect)
}

const SIGNERS = {
    1: () => new arbundles.ArweaveSigner(given.keys.arweave),
    2: () => new Seed(given.keys.ed25519.seed, 2),
    3: () => new arbundles.EthereumSigner(given.keys.ethereum),
    4: () => new Solana(given.keys.ed25519.seed, 4),
    5: injectedAptos,
    6: multiAptos,
    7: () => new arbundles.TypedEthereumSigner(given.keys.ethereum),
}

async function signed(type, { data, tags, target, anchor }) {
    const signer = SIGNERS[type]()
    const optional = { target: target || undefined, anchor: anchor || undefined }
    const item = arbundles.createData(Buffer.from(data, 'base64'), signer, { tags, ...optional })
    await item.sign(signer)
    return item
}

async function factsOf(item) {
    return {
        raw: item.getRaw().toString('base64'),
        valid: await item.isValid(),
        id: item.id,
        type: item.signatureType,
        owner: item.owner,
        target: item.target,
        anchor: item.rawAnchor.toString('base64'),
        tags: item.tags,
        tagBytes: item.rawTags.toString('base64'),
        data: item.rawData.toString('base64'),
        message: Buffer.from(await item.getSignatureData()).toString('hex'),
    }
}

async function tellSigned(tell) {
    for (const type of Object.keys(SIGNERS)) {
        for (const [name, draft] of Object.entries(given.drafts)) {
            tell(`${type} ${name}`, await factsOf(await signed(type, draft)))
        }
    }
}

async function tellRead(tell) {
    for (const [name, raw] of Object.entries(given.items)) {
        tell(name, await factsOf(new arbundles.DataItem(Buffer.from(raw, 'base64'))))
    }
}

async function tellBundle(tell) {
    const bundle = arbundles.unbundleData(Buffer.from(given.bundle, 'base64'))
    tell('read', { ids: bundle.getIds(), valid: await bundle.verify() })
    const again = await arbundles.bundleAndSignData(bundle.items, SIGNERS[2]())
    tell('written', again.getRaw().toString('base64'))
}

async function main() {
    const chapters = { signed: tellSigned, read: tellRead, bundle: tellBundle }
    for (const [chapter, narrate] of Object.entries(chapters)) {
        const tell = (step, facts) => process.stdout.write(`${JSON.stringify({ chapter, step, facts })}\n`)
        try {
            await narrate(tell)
        } catch (error) {
            tell('broke off', error instanceof Error ? error.stack : JSON.stringify(error))
        }
    }
}

main()
