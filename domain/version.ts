/** Version of the product; a test compares it with package.json. Statements name it. */
export const VERSION = '0.1.0';
