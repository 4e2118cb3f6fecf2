-- Sums up how a sample was drawn, what its items say and what is concluded: SHA-256 in hexadecimal
-- of one JSON array. Moments are seconds, since how PostgreSQL writes them depends on the session.
CREATE FUNCTION sampling_digest(
    p_community uuid, p_sample uuid, p_conclusion text
) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_items jsonb;
    v_said jsonb;
BEGIN
    SELECT jsonb_agg(
        jsonb_build_array(
            i.position, i.subject_id, i.evidence_digest, i.mark, i.note, i.marked_by_id,
            extract(epoch FROM i.marked_at)
        ) ORDER BY i.position
    ) INTO v_items
    FROM sampling_sampleitem i WHERE i.community_id = p_community AND i.sample_id = p_sample;
    SELECT jsonb_build_array(
        s.community_id, s.id, s.subject, s.since - DATE '1970-01-01', s.until - DATE '1970-01-01',
        s.size_asked, s.population, s.seed, s.is_seed_given, s.head_number, s.head,
        s.drawn_by_id, extract(epoch FROM s.drawn_at), v_items, p_conclusion
    ) INTO v_said
    FROM sampling_sample s WHERE s.community_id = p_community AND s.id = p_sample;
    RETURN encode(sha256(convert_to(v_said::text, 'UTF8')), 'hex');
END $$;
