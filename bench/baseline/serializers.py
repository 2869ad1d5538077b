"""Input of a batch: plain DRF serializers, one row validated after the other."""

from rest_framework import serializers

from bench.baseline.models import Batch, Payout


class AccountSerializer(serializers.Serializer):
    """An account by IBAN."""

    type = serializers.ChoiceField(["iban"])
    iban = serializers.CharField(max_length=34)

    def validate_iban(self, value: str) -> str:
        """Check the IBAN's check digits (ISO 13616)."""
        moved = value[4:] + value[:4]
        if not moved.isalnum() or int("".join(str(int(char, 36)) for char in moved)) % 97 != 1:
            raise serializers.ValidationError("The IBAN's check digits are wrong.")
        return value


class RecipientSerializer(serializers.Serializer):
    """Who is paid."""

    name = serializers.CharField(max_length=140)
    country = serializers.RegexField(r"^[A-Z]{2}$")
    account = AccountSerializer()


class PayoutSerializer(serializers.ModelSerializer):
    """One item."""

    recipient = RecipientSerializer()

    class Meta:
        model = Payout
        fields = ["reference", "amount_minor", "recipient", "description"]

    def validate_amount_minor(self, value: int) -> int:
        """Refuse nothing and less."""
        if value <= 0:
            raise serializers.ValidationError("The amount must be above zero.")
        return value


class BatchSerializer(serializers.ModelSerializer):
    """A batch with its items."""

    payouts = PayoutSerializer(many=True)

    class Meta:
        model = Batch
        fields = ["reference", "currency", "payouts"]

    def create(self, validated_data: dict) -> Batch:
        """Save the batch and each payout."""
        items = validated_data.pop("payouts")
        batch = Batch.objects.create(**validated_data)
        for item in items:
            recipient = item.pop("recipient")
            Payout(
                batch=batch,
                recipient_name=recipient["name"],
                recipient_country=recipient["country"],
                iban=recipient["account"]["iban"],
                **item,
            ).save()
        return batch
