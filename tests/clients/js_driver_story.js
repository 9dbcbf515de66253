// What the JavaScript driver 3.2.0 does with a node: one JSON line for each step, judged by test_js_driver.py.
// Arguments: the folder whose node_modules holds the driver, and the URL of the node.

'use strict'

const { createRequire } = require('module')
const { join } = require('path')

const [folder, url] = process.argv.slice(2)
const driver = createRequire(join(folder, 'package.json'))('bigchaindb-driver')

const { Transaction } = driver
const connection = new driver.Connection(`${url}/api/v1/`)
const DATA = { bicycle: { serial: 'abcd', größe: [1, 2.5, null, true] }, note: 'π 🚲 "\\ \u0001' }

function lockedTo(keypair, amount = '1') {
    return Transaction.makeOutput(Transaction.makeEd25519Condition(keypair.publicKey), amount)
}

function madeBy(keypair, data, outputs) {
    const create = Transaction.makeCreateTransaction(data, { planet: 'earth' }, outputs, keypair.publicKey)
    return Transaction.signTransaction(create, keypair.privateKey)
}

function movedBy(keypair, spent, index, outputs) {
    const transfer = Transaction.makeTransferTransaction([{ tx: spent, output_index: index }], outputs, { hop: 1 })
    return Transaction.signTransaction(transfer, keypair.privateKey)
}

async function accepted(transaction) {
    await connection.postTransaction(transaction)
    return connection.pollStatusAndFetchTransaction(transaction.id)
}

async function refusal(request) {
    try {
        await request
        return null
    } catch (error) {
        return error
    }
}

async function tellCreate(tell) {
    const alice = new driver.Ed25519Keypair()
    const posted = madeBy(alice, DATA, [lockedTo(alice)])
    tell('posted', { transaction: posted, answer: await connection.postTransaction(posted) })
    tell('polled', await connection.pollStatusAndFetchTransaction(posted.id))
    tell('status', await connection.getStatus(posted.id))
    tell('fetched', await connection.getTransaction(posted.id))
}

async function tellTransfer(tell) {
    const [alice, bob] = [new driver.Ed25519Keypair(), new driver.Ed25519Keypair()]
    const create = await accepted(madeBy(alice, DATA, [lockedTo(alice, '5')]))
    const transfer = movedBy(alice, create, 0, [lockedTo(bob, '2'), lockedTo(alice, '3')])
    tell('posted', { create, transfer })
    tell('polled', await accepted(transfer))
    tell('of the asset', await connection.listTransactions(create.id))
    tell('transfers of the asset', await connection.listTransactions(create.id, 'TRANSFER'))
    tell('outputs of alice', await connection.listOutputs(alice.publicKey))
    tell('spent of alice', await connection.listOutputs(alice.publicKey, true))
    tell('unspent of alice', await connection.listOutputs(alice.publicKey, false))
    tell('unspent of bob', await connection.listOutputs(bob.publicKey, false))
    const again = movedBy(alice, create, 0, [lockedTo(alice, '5')])
    tell('double spend', await refusal(connection.postTransaction(again)))
    tell('unknown', await refusal(connection.getTransaction('0'.repeat(64))))
}

async function tellThreshold(tell) {
    const keypairs = [new driver.Ed25519Keypair(), new driver.Ed25519Keypair()]
    const members = keypairs.map((keypair) => Transaction.makeEd25519Condition(keypair.publicKey, false))
    const condition = Transaction.makeThresholdCondition(1, members)
    const output = Transaction.makeOutput(condition, '1')
    output.public_keys = keypairs.map((keypair) => keypair.publicKey)
    const posted = madeBy(keypairs[0], DATA, [output])
    tell('posted', posted)
    tell('polled', await accepted(posted))
    tell('outputs of the second', await connection.listOutputs(keypairs[1].publicKey))
}

async function tellChain(tell) {
    const alice = new driver.Ed25519Keypair()
    const word = `w${alice.publicKey.toLowerCase()}`
    const create = await accepted(madeBy(alice, { text: `the ${word}` }, [lockedTo(alice)]))
    tell('created', create)
    tell('assets', await connection.searchAssets(word))
    const blockIds = await connection.listBlocks(create.id, 'VALID')
    tell('blocks', blockIds)
    tell('block', await connection.getBlock(blockIds[0]))
    tell('votes', await connection.listVotes(blockIds[0]))
}

async function main() {
    const chapters = { create: tellCreate, transfer: tellTransfer, threshold: tellThreshold, chain: tellChain }
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
