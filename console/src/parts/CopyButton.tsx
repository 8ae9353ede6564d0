// Copies a text, and says that it did.
import { useEffect, useState } from "react";
import { CheckIcon, CopyIcon } from "tdesign-icons-react";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";
import { Button, type ButtonProps } from "./Button";
import { copyText } from "./copy";

interface Props extends Pick<ButtonProps, "size" | "variant" | "theme" | "autoFocus"> {
	text: string | (() => string);
	label?: string;
	/** The icon alone; `label` is its name. */
	isBare?: boolean;
}

const SHOWN_MS = 2000;

export function CopyButton({ text, label, isBare, ...rest }: Props) {
	const t = useText(common);
	const [isDone, setIsDone] = useState(false);
	useEffect(() => {
		if (!isDone) return;
		const timer = setTimeout(() => setIsDone(false), SHOWN_MS);
		return () => clearTimeout(timer);
	}, [isDone]);
	const name = label ?? t("copy");
	return (
		<>
			<Button
				{...rest}
				icon={isDone ? <CheckIcon aria-hidden="true" /> : <CopyIcon aria-hidden="true" />}
				shape={isBare ? "square" : undefined}
				title={isBare ? name : undefined}
				onClick={async () => setIsDone(await copyText(typeof text === "function" ? text() : text))}
			>
				{isBare ? undefined : isDone ? t("copied") : name}
			</Button>
			<span className="hw-unseen" role="status">
				{isDone ? t("copied") : ""}
			</span>
		</>
	);
}
