// A dialog over the page: it takes the focus and gives it back, Tab stays in it, Escape closes it, the page behind
// does not scroll. (TDesign's own locks the page by a <style> element, which our policy forbids, and lets Tab out.)
import { type ReactNode, useEffect, useId, useRef } from "react";
import { createPortal } from "react-dom";
import { CloseIcon } from "tdesign-icons-react";
import { common } from "../i18n/common";
import { useText } from "../i18n/i18n";

interface Props {
	title: ReactNode;
	children: ReactNode;
	footer?: ReactNode;
	/** Absent where the dialog cannot be left without an answer. */
	onClose?: () => void;
	/** With it, the dialog is a form. */
	onSubmit?: () => void;
	width?: "small" | "medium" | "large";
	/** A panel at the right edge, for long forms. */
	isDrawer?: boolean;
	/** Above other dialogs. */
	isOnTop?: boolean;
}

const FOCUSABLE =
	'a[href], button:not([disabled]), input:not([disabled]):not([hidden]), select:not([disabled]), textarea:not([disabled]), [tabindex]:not([tabindex="-1"])';
const open: HTMLElement[] = [];

function within(panel: HTMLElement): HTMLElement[] {
	return [...panel.querySelectorAll<HTMLElement>(FOCUSABLE)].filter((one) => one.getClientRects().length > 0);
}

export function Dialog({
	title,
	children,
	footer,
	onClose,
	onSubmit,
	width = "medium",
	isDrawer = false,
	isOnTop = false,
}: Props) {
	const t = useText(common);
	const id = useId();
	const panel = useRef<HTMLDivElement>(null);
	const close = useRef(onClose);
	close.current = onClose;

	useEffect(() => {
		const element = panel.current;
		if (!element) return;
		const before = document.activeElement as HTMLElement | null;
		open.push(element);
		if (open.length === 1) {
			const root = document.documentElement;
			root.style.setProperty("--hw-scrollbar", `${innerWidth - root.clientWidth}px`);
			root.classList.add("hw-locked");
		}
		if (!element.contains(document.activeElement)) {
			const first = within(element).find((one) => !one.classList.contains("hw-dialog__close"));
			(first ?? element).focus();
		}
		const onKey = (event: KeyboardEvent) => {
			if (open.at(-1) !== element) return;
			if (event.key === "Escape" && close.current && !event.defaultPrevented) {
				event.stopPropagation();
				close.current();
			}
			if (event.key !== "Tab") return;
			const all = within(element);
			const [first, last] = [all[0], all.at(-1)];
			if (!first || !last) return event.preventDefault();
			const at = document.activeElement;
			if (event.shiftKey ? at === first || at === element : at === last) {
				event.preventDefault();
				(event.shiftKey ? last : first).focus();
			} else if (!element.contains(at)) {
				event.preventDefault();
				first.focus();
			}
		};
		document.addEventListener("keydown", onKey);
		return () => {
			document.removeEventListener("keydown", onKey);
			open.splice(open.indexOf(element), 1);
			if (open.length === 0) document.documentElement.classList.remove("hw-locked");
			if (before?.isConnected) before.focus();
		};
	}, []);

	const inner = (
		<>
			<div className="hw-dialog__head">
				<h2 id={id}>{title}</h2>
				{onClose && (
					<button type="button" className="hw-dialog__close" aria-label={t("close")} onClick={onClose}>
						<CloseIcon />
					</button>
				)}
			</div>
			<div className="hw-dialog__body">{children}</div>
			{footer && <div className="hw-dialog__foot">{footer}</div>}
		</>
	);
	return createPortal(
		// biome-ignore lint/a11y/noStaticElementInteractions: Escape does the same
		<div
			className={`hw-veil${isDrawer ? " hw-veil--drawer" : ""}${isOnTop ? " hw-veil--top" : ""}`}
			onMouseDown={(event) => {
				// What was typed is not lost by a click beside it; a dialog without a form goes.
				if (event.target === event.currentTarget && !onSubmit) onClose?.();
			}}
		>
			<div
				ref={panel}
				className={`hw-dialog hw-dialog--${width}${isDrawer ? " hw-dialog--drawer" : ""}`}
				role="dialog"
				aria-modal="true"
				aria-labelledby={id}
				tabIndex={-1}
			>
				{onSubmit ? (
					<form
						className="hw-dialog__form"
						noValidate
						onSubmit={(event) => {
							event.preventDefault();
							event.stopPropagation();
							onSubmit();
						}}
					>
						{inner}
					</form>
				) : (
					inner
				)}
			</div>
		</div>,
		document.body,
	);
}
