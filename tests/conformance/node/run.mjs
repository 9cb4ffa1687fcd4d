// Runs one story of one file: node run.mjs FILE STORY. What the story throws ends the process with an error.

const [file, story] = process.argv.slice(2);
await (await import(`./${file}`))[story]();
