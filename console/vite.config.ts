// How the console is built: into build/console, each file with its compressed copy beside it, which is what
// `headwater control` serves. `npm run dev` serves it with the API of HEADWATER_API (127.0.0.1:8081).
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const api = `http://${process.env.HEADWATER_API ?? "127.0.0.1:8081"}`;
const out = "../build/console";
// As strict as `headwater control` sends it, so that what it forbids is seen here first.
const policy =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

function filesBelow(folder: string): string[] {
	return readdirSync(folder).flatMap((name) => {
		const path = join(folder, name);
		return statSync(path).isDirectory() ? filesBelow(path) : [path];
	});
}

/** Writes FILE.gz and FILE.br beside each file that is worth it. */
function compressed(): Plugin {
	return {
		name: "compressed",
		apply: "build",
		closeBundle() {
			for (const path of filesBelow(out)) {
				if (!/\.(js|css|html|svg|json)$/.test(path)) continue;
				const bytes = readFileSync(path);
				const gz = gzipSync(bytes, { level: 9 });
				const br = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
				if (gz.length < bytes.length) writeFileSync(`${path}.gz`, gz);
				if (br.length < gz.length) writeFileSync(`${path}.br`, br);
			}
		},
	};
}

/** Takes icons from their own files: the index of the package has two thousand of them, which all would be read. */
function icons(): Plugin {
	const folder = "tdesign-icons-react/esm";
	const index = readFileSync(new URL(`node_modules/${folder}/index.js`, import.meta.url), "utf8");
	const files = new Map<string, string>();
	for (const found of index.matchAll(/export \{ default as (\w+) \} from '\.\/(.+?)'/g)) {
		if (found[1] && found[2]) files.set(found[1], `${folder}/${found[2]}`);
	}
	return {
		name: "icons",
		enforce: "post",
		apply: "build",
		transform(code) {
			if (!code.includes("tdesign-icons-react")) return;
			return code
				.replace(/import ['"]tdesign-icons-react['"];?/g, "")
				.replace(/import \{([^}]*)\} from ['"]tdesign-icons-react['"];?/g, (whole, names: string) => {
					const wanted = names.split(",").map((name) => name.trim().split(/\s+as\s+/));
					if (wanted.some(([name]) => name && !files.has(name))) return whole;
					return wanted
						.filter(([name]) => name)
						.map(([name, local]) => `import ${local ?? name} from "${files.get(name as string)}";`)
						.join("");
				});
		},
	};
}

export default defineConfig({
	base: "/",
	plugins: [react(), icons(), compressed()],
	build: {
		outDir: out,
		emptyOutDir: true,
		target: "es2022",
		assetsInlineLimit: 0, // a data: URL is no 'self'
		modulePreload: { polyfill: false }, // which would be a script in the page
		manifest: "manifest.json",
		chunkSizeWarningLimit: 700,
	},
	server: { host: "127.0.0.1", proxy: { "/api": api, "/healthz": api } },
	preview: {
		host: "127.0.0.1",
		headers: { "Content-Security-Policy": policy },
		proxy: { "/api": api, "/healthz": api },
	},
	test: { include: ["src/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
